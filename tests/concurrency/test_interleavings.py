"""Each pair of verbs, step by step: one session calls the first verb in a transaction that stays open, another session
calls the second verb, and then the first session commits or rolls back. TABLE has the results.

At the start the topic `orders` has the messages `a`, whose lease has ended (`settle` acks its receipt), and `b`. It has
a dead letter `d`, which the table does not show, and a subscription `s`. Another topic was deleted and left two rows.
The second verb `waits` until the first transaction ends, or `proceeds`: it returns before. The column `left` is what
both sessions see at the end: queue (`A`: `a` on lease) / log / subscriptions / rows of deleted topics.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from broker import topics
from tests.support.runner import until

TABLE = """
first       | second      | it       | commit:    | left       | rollback:  | left
------------+-------------+----------+------------+------------+------------+----------
publish     | publish     | proceeds | stored     | abcc/-/s/2 | stored     | abc/-/s/2
publish     | consume     | proceeds | ab         | ABc/-/s/2  | ab         | AB/-/s/2
publish     | settle      | proceeds | acked      | bc/-/s/2   | acked      | b/-/s/2
publish     | broadcast   | proceeds | moved 2    | c/ab/s/2   | moved 2    | -/ab/s/2
publish     | subscribe   | proceeds | created    | abc/-/st/2 | created    | ab/-/st/2
publish     | unsubscribe | proceeds | removed 1  | abc/-/-/2  | removed 1  | ab/-/-/2
publish     | redrive     | proceeds | redriven 1 | abcd/-/s/2 | redriven 1 | abd/-/s/2
publish     | delete      | proceeds | MB423      | abc/-/s/2  | MB423      | ab/-/s/2
publish     | clear       | proceeds | cleared 2  | abc/-/s/0  | cleared 2  | ab/-/s/0

consume     | publish     | proceeds | stored     | ABc/-/s/2  | stored     | abc/-/s/2
consume     | consume     | proceeds | none       | AB/-/s/2   | none       | ab/-/s/2
consume     | settle      | waits    | stale      | AB/-/s/2   | acked      | b/-/s/2
consume     | broadcast   | proceeds | moved 0    | AB/-/s/2   | moved 0    | ab/-/s/2
consume     | subscribe   | proceeds | created    | AB/-/st/2  | created    | ab/-/st/2
consume     | unsubscribe | proceeds | removed 1  | AB/-/-/2   | removed 1  | ab/-/-/2
consume     | redrive     | proceeds | redriven 1 | ABd/-/s/2  | redriven 1 | abd/-/s/2
consume     | delete      | proceeds | deleted    | -/-/-/6    | deleted    | -/-/-/6
consume     | clear       | proceeds | cleared 2  | AB/-/s/0   | cleared 2  | ab/-/s/0

settle      | publish     | proceeds | stored     | bc/-/s/2   | stored     | abc/-/s/2
settle      | consume     | proceeds | b          | B/-/s/2    | b          | aB/-/s/2
settle      | settle      | waits    | gone       | b/-/s/2    | acked      | b/-/s/2
settle      | broadcast   | proceeds | moved 1    | -/b/s/2    | moved 1    | a/b/s/2
settle      | subscribe   | proceeds | created    | b/-/st/2   | created    | ab/-/st/2
settle      | unsubscribe | proceeds | removed 1  | b/-/-/2    | removed 1  | ab/-/-/2
settle      | redrive     | proceeds | redriven 1 | bd/-/s/2   | redriven 1 | abd/-/s/2
settle      | delete      | proceeds | deleted    | -/-/-/5    | deleted    | -/-/-/6
settle      | clear       | proceeds | cleared 2  | b/-/s/0    | cleared 2  | ab/-/s/0

broadcast   | publish     | proceeds | stored     | c/ab/s/2   | stored     | abc/-/s/2
broadcast   | consume     | proceeds | none       | -/ab/s/2   | none       | ab/-/s/2
broadcast   | settle      | waits    | gone       | -/ab/s/2   | acked      | b/-/s/2
broadcast   | broadcast   | waits    | moved 0    | -/ab/s/2   | moved 2    | -/ab/s/2
broadcast   | subscribe   | waits    | created    | -/ab/st/2  | created    | ab/-/st/2
broadcast   | unsubscribe | waits    | removed 1  | -/ab/-/2   | removed 1  | ab/-/-/2
broadcast   | redrive     | proceeds | redriven 1 | d/ab/s/2   | redriven 1 | abd/-/s/2
broadcast   | delete      | proceeds | MB423      | -/ab/s/2   | MB423      | ab/-/s/2
broadcast   | clear       | proceeds | cleared 2  | -/ab/s/0   | cleared 2  | ab/-/s/0

subscribe   | publish     | proceeds | stored     | abc/-/st/2 | stored     | abc/-/s/2
subscribe   | consume     | proceeds | ab         | AB/-/st/2  | ab         | AB/-/s/2
subscribe   | settle      | proceeds | acked      | b/-/st/2   | acked      | b/-/s/2
subscribe   | broadcast   | waits    | moved 2    | -/ab/st/2  | moved 2    | -/ab/s/2
subscribe   | subscribe   | waits    | exists     | ab/-/st/2  | created    | ab/-/st/2
subscribe   | unsubscribe | waits    | removed 1  | ab/-/t/2   | removed 1  | ab/-/-/2
subscribe   | redrive     | proceeds | redriven 1 | abd/-/st/2 | redriven 1 | abd/-/s/2
subscribe   | delete      | proceeds | MB423      | ab/-/st/2  | MB423      | ab/-/s/2
subscribe   | clear       | proceeds | cleared 2  | ab/-/st/0  | cleared 2  | ab/-/s/0

unsubscribe | publish     | proceeds | stored     | abc/-/-/2  | stored     | abc/-/s/2
unsubscribe | consume     | proceeds | ab         | AB/-/-/2   | ab         | AB/-/s/2
unsubscribe | settle      | proceeds | acked      | b/-/-/2    | acked      | b/-/s/2
unsubscribe | broadcast   | waits    | moved 0    | ab/-/-/2   | moved 2    | -/ab/s/2
unsubscribe | subscribe   | waits    | created    | ab/-/t/2   | created    | ab/-/st/2
unsubscribe | unsubscribe | waits    | removed 0  | ab/-/-/2   | removed 1  | ab/-/-/2
unsubscribe | redrive     | proceeds | redriven 1 | abd/-/-/2  | redriven 1 | abd/-/s/2
unsubscribe | delete      | proceeds | MB423      | ab/-/-/2   | MB423      | ab/-/s/2
unsubscribe | clear       | proceeds | cleared 2  | ab/-/-/0   | cleared 2  | ab/-/s/0

redrive     | publish     | proceeds | stored     | abcd/-/s/2 | stored     | abc/-/s/2
redrive     | consume     | proceeds | ab         | ABd/-/s/2  | ab         | AB/-/s/2
redrive     | settle      | proceeds | acked      | bd/-/s/2   | acked      | b/-/s/2
redrive     | broadcast   | proceeds | moved 2    | d/ab/s/2   | moved 2    | -/ab/s/2
redrive     | subscribe   | proceeds | created    | abd/-/st/2 | created    | ab/-/st/2
redrive     | unsubscribe | proceeds | removed 1  | abd/-/-/2  | removed 1  | ab/-/-/2
redrive     | redrive     | waits    | redriven 0 | abd/-/s/2  | redriven 1 | abd/-/s/2
redrive     | delete      | proceeds | deleted    | -/-/-/6    | deleted    | -/-/-/6
redrive     | clear       | proceeds | cleared 2  | abd/-/s/0  | cleared 2  | ab/-/s/0

delete      | publish     | waits    | stored     | c/-/-/6    | stored     | abc/-/s/2
delete      | consume     | proceeds | ab         | -/-/-/6    | ab         | AB/-/s/2
delete      | settle      | proceeds | acked      | -/-/-/5    | acked      | b/-/s/2
delete      | broadcast   | waits    | MB404      | -/-/-/6    | moved 2    | -/ab/s/2
delete      | subscribe   | waits    | created    | -/-/t/6    | created    | ab/-/st/2
delete      | unsubscribe | waits    | removed 1  | -/-/-/5    | removed 1  | ab/-/-/2
delete      | redrive     | proceeds | redriven 1 | -/-/-/6    | redriven 1 | abd/-/s/2
delete      | delete      | proceeds | MB423      | -/-/-/6    | MB423      | ab/-/s/2
delete      | clear       | proceeds | cleared 2  | -/-/-/4    | cleared 2  | ab/-/s/0

clear       | publish     | proceeds | stored     | abc/-/s/0  | stored     | abc/-/s/2
clear       | consume     | proceeds | ab         | AB/-/s/0   | ab         | AB/-/s/2
clear       | settle      | proceeds | acked      | b/-/s/0    | acked      | b/-/s/2
clear       | broadcast   | proceeds | moved 2    | -/ab/s/0   | moved 2    | -/ab/s/2
clear       | subscribe   | proceeds | created    | ab/-/st/0  | created    | ab/-/st/2
clear       | unsubscribe | proceeds | removed 1  | ab/-/-/0   | removed 1  | ab/-/-/2
clear       | redrive     | proceeds | redriven 1 | abd/-/s/0  | redriven 1 | abd/-/s/2
clear       | delete      | proceeds | deleted    | -/-/-/4    | deleted    | -/-/-/6
clear       | clear       | waits    | cleared 0  | ab/-/s/0   | cleared 2  | ab/-/s/0
"""

VERBS = {
    "publish": """SELECT 'stored' FROM broker.publish('orders', '"c"')""",
    "consume": "SELECT coalesce(string_agg(content #>> '{}', ''), 'none') FROM broker.consume('orders')",
    "settle": "SELECT CASE WHEN acked = 1 THEN 'acked' WHEN gone <> '{}' THEN 'gone' WHEN stale <> '{}' THEN 'stale'"
    " END FROM broker.settle('orders', current_setting('test.receipts')::json)",
    "broadcast": "SELECT 'moved ' || messages FROM broker.broadcast('orders')",
    "subscribe": "SELECT CASE WHEN created THEN 'created' ELSE 'exists' END"
    " FROM broker.subscribe('orders', 't', 'whsec_', '{\"url\": \"http://127.0.0.1/\"}')",
    "unsubscribe": "SELECT 'removed ' || broker.unsubscribe('orders', NULL, 'http://127.0.0.1:8000/')",
    "redrive": "SELECT 'redriven ' || changed FROM broker.redrive('orders', '{}', 0, false)",
    "delete": "SELECT 'deleted' FROM broker.delete_topic('orders', true)",
    "clear": "SELECT 'cleared ' || sum(broker.clear_deleted_topics(100)) FROM generate_series(1, 9)",
}
GIVES_UP = {"delete"}  # its wait for a lock ends by itself
LEFT = """
WITH here AS (SELECT id FROM topics WHERE name = 'orders' AND deleted_at IS NULL), contents AS (
    SELECT id, content #>> '{}' AS content FROM messages
), waiting AS (
    SELECT CASE WHEN q.ready_at > statement_timestamp() THEN upper(m.content) ELSE m.content END AS content
      FROM queue q JOIN contents m ON m.id = q.message_id WHERE q.topic_id IN (TABLE here) AND q.died_at IS NULL
), logged AS (
    SELECT l.seq, m.content FROM log l JOIN contents m ON m.id = l.message_id WHERE l.topic_id IN (TABLE here)
), subscribers AS (
    SELECT name FROM subscriptions WHERE topic_id IN (TABLE here)
), deleted AS (
    SELECT FROM (SELECT topic_id FROM queue UNION ALL SELECT topic_id FROM log
                 UNION ALL SELECT topic_id FROM subscriptions) r
     WHERE topic_id NOT IN (TABLE here)
)
SELECT concat_ws('/', coalesce((SELECT string_agg(content, '' ORDER BY lower(content)) FROM waiting), '-'),
                      coalesce((SELECT string_agg(content, '' ORDER BY seq) FROM logged), '-'),
                      coalesce((SELECT string_agg(name, '' ORDER BY name) FROM subscribers), '-'),
                      (SELECT count(*) FROM deleted))
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.splitlines()[3:] if line]


@pytest.fixture
def sessions(orders, invoices, owner, database_url):
    """Two sessions of the owner, which may call every function, after the start that the table describes."""
    invoices.publish("left")
    invoices.subscribe("http://127.0.0.1:8000/")
    topics.delete("invoices", force=True)
    orders.publish("d")
    orders.settle(reject=[orders.consume(1)[0].receipt])
    orders.publish("a", "b")
    [leased] = orders.consume(1)
    owner.execute("UPDATE queue SET ready_at = now() - interval '1 min' WHERE leased_at IS NOT NULL")
    orders.subscribe("http://127.0.0.1:8000/", name="s")
    options = f'-c search_path=broker -c test.receipts={{"ack":["{leased.receipt}"]}}'
    with (
        psycopg.connect(database_url, options=options) as first,
        psycopg.connect(database_url, options=options, autocommit=True) as second,
    ):
        yield first, second


def call(session, verb):
    """Call a verb: return its result in a word, or its SQLSTATE when it fails."""
    try:
        return session.execute(VERBS[verb].encode()).fetchone()[0]
    except psycopg.DatabaseError as error:
        return error.sqlstate


def interleave(owner, sessions, first_verb, second_verb, end, before_second=None):
    """Return whether the second verb waits, its result, and what the sessions see after the end of the first."""
    first, second = sessions
    call(first, first_verb)
    if before_second:
        before_second()

    def waits():
        return owner.execute("SELECT pg_blocking_pids(%s) <> '{}'", [second.info.backend_pid]).fetchone()[0]

    with ThreadPoolExecutor() as pool:
        calling = pool.submit(call, second, second_verb)
        until(lambda: calling.done() or (second_verb not in GIVES_UP and waits()))
        waited = not calling.done()
        getattr(first, end)()
    left = {session.execute(LEFT).fetchone()[0] for session in sessions}
    return "waits" if waited else "proceeds", calling.result(), left


CASES = [
    pytest.param(first, second, end, (waits, result, {left}), id=f"{first}-{second}-{end}")
    for first, second, waits, *ends in ROWS
    for end, (result, left) in {"commit": ends[:2], "rollback": ends[2:]}.items()
]


@pytest.mark.parametrize(("first", "second", "end", "expected"), CASES)
def test_two_verbs_end_as_the_table_says(owner, sessions, first, second, end, expected):
    assert interleave(owner, sessions, first, second, end) == expected


def test_the_table_has_each_pair_of_verbs():
    assert [tuple(row[:2]) for row in ROWS] == list(itertools.product(VERBS, VERBS))


@pytest.mark.parametrize(
    ("verb", "end", "cleared"),
    [("consume", "commit", 6), ("consume", "rollback", 6), ("settle", "commit", 5), ("settle", "rollback", 6)],
)
def test_clearing_a_deleted_topic_waits_for_open_consumes_and_settles(owner, sessions, verb, end, cleared):
    """The deletion itself waits for publish, broadcast and subscribe, but not for consume and settle."""
    result = interleave(owner, sessions, verb, "clear", end, before_second=lambda: topics.delete("orders", force=True))
    assert result == ("waits", f"cleared {cleared}", {"-/-/-/0"})
    assert owner.execute("SELECT name FROM topics").fetchall() == [("default",)]
