"""`python -m bench.plans`: how the statements inside the verbs are planned, at 1,000 and at 1,000,000 rows.

Each verb is called eight times, since PL/pgSQL may change to generic plans after five. auto_explain reports how the last call ran: its time,
its pages, and what grows with the tables (sequential scans, large sorts, rows that are read and discarded).
`--full` prints the plans too. With the name of a verb, only that verb is called.
"""

import sys
from collections.abc import Mapping
from typing import Any

import psycopg

from bench import explained, servers

SIZES = (1_000, 1_000_000)
SUBSCRIPTIONS = 10_000
TOPICS = 5_000

CALLS: Mapping[str, str] = {
    "publish_batch (1)": """SELECT * FROM broker.publish_batch('orders', '[{"content": {"id": 1}}]', 'bench')""",
    "publish_batch (1,000)": """SELECT * FROM broker.publish_batch('orders',
        (SELECT json_agg(json_build_object('content', n)) FROM generate_series(1, 1000) n), 'bench')""",
    "consume (10)": "SELECT * FROM broker.consume('orders', 10)",
    "consume (10, with floor)": "SELECT * FROM broker.consume('orders', 10, p_floor => now() - interval '1 hour')",
    "consume (10, auto_ack)": "SELECT * FROM broker.consume('orders', 10, p_auto_ack => true)",
    "consume (nothing ready)": "SELECT * FROM broker.consume('quiet', 10)",
    "consume (1,000)": "SELECT * FROM broker.consume('orders', 1000)",
    "settle (10 acks)": """SELECT * FROM broker.settle('orders', json_build_object('ack',
        (SELECT json_agg(c.receipt) FROM broker.consume('orders', 10) c)))""",
    "settle (each way)": """SELECT * FROM broker.settle('orders', (SELECT json_build_object(
            'ack', json_agg(c.receipt) FILTER (WHERE n % 4 = 0),
            'release', json_agg(c.receipt) FILTER (WHERE n % 4 = 1),
            'extend', json_agg(json_build_object('receipt', c.receipt, 'lease_seconds', 60)) FILTER (WHERE n % 4 = 2),
            'reject', json_agg(c.receipt) FILTER (WHERE n % 4 = 3))
        FROM broker.consume('orders', 100) WITH ORDINALITY c (id, receipt, x1, x2, x3, x4, x5, x6, x7, x8, n)))""",
    "broadcast (100)": "SELECT * FROM broker.broadcast('orders', NULL, 100)",
    "broadcast (10,000)": "SELECT * FROM broker.broadcast('orders', NULL, 10000)",
    "broadcast (nothing ready)": "SELECT * FROM broker.broadcast('quiet')",
    "plan_batches (100)": "SELECT * FROM broker.plan_batches(100, 60)",
    "plan_batches (100, and their outcomes)": """SELECT * FROM broker.plan_batches(0, 60, p_outcomes => (SELECT json_agg(json_build_object(
        'subscription_id', p.subscription_id, 'fence', p.fence, 'first_seq', p.first_seq, 'last_seq', p.last_seq, 'webhook_id', p.webhook_id,
        'attempt', 1, 'started_at', now(), 'duration_ms', 1, 'action', 'delivered')) FROM broker.plan_batches(100, 60) p))""",
    "next_due": "SELECT broker.next_due()",
    "read_topic": "SELECT * FROM broker.read_topic('orders')",
    "trace_message (waiting)": "SELECT * FROM broker.trace_message('orders', (SELECT id FROM middle))",
    "trace_message (broadcast)": "SELECT * FROM broker.trace_message('news', (SELECT id FROM sent))",
    "browse_messages (100)": "SELECT * FROM broker.browse_messages('orders', '{}', NULL, 100)",
    "browse_messages (100, from the middle)": """SELECT * FROM broker.browse_messages('orders', '{}',
        (SELECT broker.page_token(ready_at, id) FROM middle), 100)""",
    "browse_messages (no match)": """SELECT * FROM broker.browse_messages('orders', '{"sender": "nobody"}', NULL, 100)""",
    "preview_broadcast": "SELECT * FROM broker.preview_broadcast('orders')",
    "list_history (100)": "SELECT * FROM broker.list_history('orders', '{}', NULL, 100)",
    "list_history (no match)": """SELECT * FROM broker.list_history('orders', '{"sender": "nobody"}', NULL, 100)""",
    "list_rates": "SELECT * FROM broker.list_rates('orders', NULL, NULL, NULL, NULL)",
    "list_rates (of all)": "SELECT * FROM broker.list_rates('orders', now(), now() + interval '30 days', NULL, NULL)",
    "find_id": "SELECT * FROM broker.find_id((SELECT id FROM middle))",
    "list_dead_letters (100)": "SELECT * FROM broker.list_dead_letters('dead', '{}', NULL, 100)",
    "list_dead_letters (no match)": """SELECT * FROM broker.list_dead_letters('dead', '{"key": "no"}', NULL, 100)""",
    "redrive (1,000 ids)": """SELECT * FROM broker.redrive('dead', (SELECT json_build_object('ids', json_agg(id))
        FROM broker.list_dead_letters('dead', '{}', NULL, 1000)), 0, false)""",
    "redrive (10,000)": "SELECT * FROM broker.redrive('dead', '{}', 0, false)",
    "delete_dead_letters (10,000)": "SELECT * FROM broker.delete_dead_letters('dead', '{}', false)",
    "list_topics": "SELECT * FROM broker.list_topics('{*}', 'other-4', 100)",
    "list_topics (a pattern without a wildcard)": "SELECT * FROM broker.list_topics('{other-4999}', NULL, 100)",
    "list_subscriptions": "SELECT * FROM broker.list_subscriptions('news', NULL, NULL, 100)",
}


def main(arguments: list[str]) -> None:
    full = "--full" in arguments
    names = [argument for argument in arguments if argument != "--full"]
    with servers.server() as server:
        small, large = ({**_run_all(server, size, names)} for size in SIZES)
    print("\n" + " ".join(f"{f'at {size:,}':>20}" for size in SIZES))
    print(" ".join([f"{'ms':>9} {'pages':>10}"] * len(SIZES)))
    for verb, call in large.items():
        before = small[verb].whole
        grows = "  GROWS" if call.whole.pages > 2 * before.pages + 20 else ""
        columns = [f"{whole.milliseconds:9.2f} {whole.pages:10,}" for whole in (before, call.whole)]
        print(f"{' '.join(columns)}  {verb}{grows}")
        for statement in call.inside:
            findings = [*statement.findings(), *(["planned at each call"] if statement.is_replanned() else [])]
            if findings or full:
                print(f"{'':42}  {statement.pages:,} pages: {statement.query[:90]}")
            for finding in findings:
                print(f"{'':42}  ! {finding}")
            if full:
                print("\n".join(f"{'':44}{line}" for line in explained.lines(statement.plan)))


def _run_all(server: servers.Server, size: int, names: list[str]) -> dict[str, explained.Call]:
    calls = {}
    with (
        servers.create_broker_database(server, "broker_bench_plans") as broker_db,
        servers.connect(broker_db.owner_url) as owner,
    ):
        print(f"PostgreSQL {owner.info.server_version // 10000}: filling {size:,} rows", flush=True)
        _fill(owner, size)
        for verb, statement in CALLS.items():
            if not names or any(verb.startswith(name) for name in names):
                print(f"  {verb}", flush=True)
                try:
                    calls[verb] = explained.call(broker_db.owner_url, statement)
                except psycopg.Error as error:
                    print(f"    ! {error.diag.message_primary}", flush=True)
    return calls


def _fill(owner: psycopg.Connection[Any], size: int) -> None:
    """Fill `orders` with waiting messages, `dead` with dead letters, and `news` with a log; add many subscriptions."""
    owner.execute("SELECT broker.ensure_partitions(now(), now() + interval '36 days')")
    owner.execute("INSERT INTO broker.topics (name) SELECT 'other-' || n FROM generate_series(1, %s) n", [TOPICS])
    owner.execute("INSERT INTO broker.topics (name) VALUES ('news'), ('idle'), ('quiet')")
    owner.execute("INSERT INTO broker.topic_states (topic_id) SELECT id FROM broker.topics ON CONFLICT DO NOTHING")
    servers.fill(owner, "orders", size, 200, days=30)
    servers.fill(owner, "news", size, 200, days=30)
    servers.move_to_log(owner, "news")
    owner.execute(
        """INSERT INTO broker.log_spans (topic_id, first_seq, broadcast_at)
           SELECT topic_id, min(seq), now() FROM broker.log GROUP BY topic_id, (seq - 1) / 1000"""
    )
    owner.execute(
        """UPDATE broker.topic_states s SET last_seq = %s, next_due_at = now()
             FROM broker.topics t WHERE t.id = s.topic_id AND t.name = 'idle'""",
        [size],
    )
    owner.execute(
        """INSERT INTO broker.subscriptions (id, topic_id, name, url, secrets, start_seq)
           SELECT gen_random_uuid(), t.id, n, 'http://127.0.0.1/', '{whsec_}', 0
             FROM broker.topics t, generate_series(1, %s) n
            WHERE t.name IN ('news', 'idle') OR t.name IN ('orders', 'quiet') AND n <= 10""",
        [SUBSCRIPTIONS],
    )
    owner.execute(
        """INSERT INTO broker.cursors (subscription_id, topic_id, cursor)
           SELECT s.id, t.id, CASE t.name WHEN 'news' THEN h.last_seq * mod(s.name::integer, 10) / 11 ELSE h.last_seq END
             FROM broker.subscriptions s JOIN broker.topics t ON t.id = s.topic_id JOIN broker.topic_states h ON h.topic_id = t.id"""
    )
    owner.execute(
        """UPDATE broker.topic_states h SET subscriptions = n.count
             FROM (SELECT topic_id, count(*) FROM broker.subscriptions GROUP BY topic_id) n WHERE n.topic_id = h.topic_id"""
    )
    servers.fill(owner, "dead", size // 5, 200, days=1)
    owner.execute(
        """UPDATE broker.queue q SET died_at = q.ready_at, reason = 'broken'
             FROM broker.topics t WHERE t.name = 'dead' AND q.topic_id = t.id"""
    )
    owner.execute(
        """CREATE TABLE broker.middle AS
           SELECT q.message_id AS id, q.ready_at FROM broker.queue q WHERE q.died_at IS NULL
            ORDER BY q.ready_at OFFSET 500 LIMIT 1;
           CREATE TABLE broker.sent AS
           SELECT l.message_id AS id FROM broker.log l ORDER BY l.seq OFFSET (SELECT count(*) * 9 / 10 FROM broker.log) LIMIT 1"""
    )
    owner.execute("VACUUM (ANALYZE)")


if __name__ == "__main__":
    main(sys.argv[1:])
