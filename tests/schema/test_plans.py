"""Query plans: the verbs stay fast when the planner believes that full tables are empty."""

import json
from typing import Any

import psycopg
import pytest

ROWS = 2_000
TABLES = ("queue", "messages", "log", "subscriptions", "cursors", "redeliveries")

CALLS = {
    "consume": "FROM broker.consume('orders', 500)",
    "consume, auto_ack": "FROM broker.consume('orders', 500, p_auto_ack => true)",
    "settle, ack": """FROM broker.settle('orders', json_build_object('ack',
        (SELECT json_agg(c.receipt) FROM broker.consume('orders', 500) c)))""",
    "settle, extend": """FROM broker.settle('orders', json_build_object('extend',
        (SELECT json_agg(c.receipt) FROM broker.consume('orders', 500) c)))""",
    "broadcast": "FROM broker.broadcast('news', NULL, 500)",
    "browse_messages": "FROM broker.browse_messages('orders', '{}', NULL, 500)",
    "list_dead_letters": "FROM broker.list_dead_letters('dead', '{}', NULL, 500)",
    "redrive": "FROM broker.redrive('dead', '{}', 0, false)",
    "redrive of ids": """FROM broker.redrive('dead', (SELECT json_build_object('ids', json_agg(d.id))
        FROM broker.list_dead_letters('dead', '{}', NULL, 500) d), 0, false)""",
    "delete_dead_letters": "FROM broker.delete_dead_letters('dead', '{}', false)",
    "auto_topics": "FROM broker.auto_topics(NULL)",
    "auto_topics of all": "FROM broker.auto_topics(NULL, true)",
    "next_due": "FROM broker.next_due()",
    "last_lease_end": "FROM broker.last_lease_end()",
    "plan_batches": "FROM broker.plan_batches(500, 60)",
    "plan_batches with outcomes": """FROM broker.plan_batches(500, 60, p_outcomes => (SELECT json_agg(json_build_object(
        'subscription_id', p.subscription_id, 'fence', p.fence, 'webhook_id', p.webhook_id, 'attempt', 1,
        'first_seq', p.first_seq, 'last_seq', p.last_seq, 'started_at', now(), 'duration_ms', 1,
        'action', 'delivered')) FROM broker.plan_batches(500, 60) p))""",
}
QUICK = {"consume", "settle, ack", "broadcast", "plan_batches with outcomes"}  # what each message passes


@pytest.mark.parametrize("command", ["ANALYZE", pytest.param("VACUUM", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "call",
    [pytest.param(call, marks=() if name in QUICK else pytest.mark.slow, id=name) for name, call in CALLS.items()],
)
def test_no_statement_reads_many_rows_in_vain_with_plans_for_empty_tables(call, command, owner, database_url):
    """A session plans its statements while the tables are empty, and then many messages arrive."""
    owner.execute(
        "SELECT broker.put_topic(name, CASE name WHEN 'news' THEN 'auto' ELSE 'manual' END, 30, 10)"
        " FROM unnest('{orders,news,dead,read}'::text[]) name"
    )
    _fill(owner, ROWS)
    for table in TABLES:
        owner.execute(f"DELETE FROM {table}".encode())
        owner.execute(f"{command} {table}".encode())
    notices: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as session:
        session.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        _fill(owner, 1)
        session.execute(f"SELECT count(*) {call}".encode())
        _fill(owner, ROWS)
        session.execute(
            "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;"
            "SET auto_explain.log_analyze = on; SET auto_explain.log_format = json; SET auto_explain.log_level = notice"
        )
        [count] = session.execute(f"SELECT count(*) {call}".encode()).fetchone() or [0]
    assert count > 0
    plans = [json.loads(text.partition("plan:\n")[2]) for text in notices if text.startswith("duration")]
    assert len(plans) > 1
    wasted = {plan["Query Text"]: _wasted(plan["Plan"]) for plan in plans if "Actual Rows" in plan["Plan"]}
    assert {query: rows for query, rows in wasted.items() if rows > 10 * ROWS} == {}


def _fill(owner: psycopg.Connection[Any], rows: int) -> None:
    """Make so many messages that wait, as many dead letters, and as many subscriptions that are behind."""
    owner.execute(
        "SELECT broker.publish_unchecked(name, (SELECT json_agg(json_build_object('content', n))"
        " FROM generate_series(1, %s) n), 'a test', gen_random_uuid())"
        " FROM unnest('{orders,news,dead,read}'::text[]) name",
        [rows],
    )
    owner.execute(
        "INSERT INTO subscriptions (id, topic_id, name, url, secrets, start_seq)"
        " SELECT gen_random_uuid(), t.id, gen_random_uuid(), 'https://hooks.example/', '{whsec_}', h.last_seq"
        " FROM topics t JOIN topic_states h ON h.topic_id = t.id, generate_series(1, %s) n"
        " WHERE t.name = 'read' OR t.name = 'news' AND n = 1",
        [rows],
    )
    owner.execute(
        "INSERT INTO cursors (subscription_id, topic_id, cursor) SELECT id, topic_id, start_seq FROM subscriptions"
        " ON CONFLICT DO NOTHING"
    )
    owner.execute(
        "UPDATE topic_states h SET subscriptions = c.count, next_due_at = now()"
        " FROM (SELECT topic_id, count(*) FROM cursors GROUP BY topic_id) c WHERE h.topic_id = c.topic_id"
    )
    owner.execute("SELECT broker.broadcast('read', NULL, 1000)")
    owner.execute(
        "UPDATE queue q SET died_at = now(), reason = 'broken'"
        " FROM topics t WHERE t.id = q.topic_id AND t.name = 'dead' AND q.died_at IS NULL"
    )


def _wasted(plan: dict[str, Any]) -> float:
    """Count the rows that were read and discarded."""
    own = sum(plan.get(f"Rows Removed by {step}", 0) for step in ("Filter", "Join Filter", "Index Recheck"))
    return float(own * plan.get("Actual Loops", 0)) + sum(_wasted(child) for child in plan.get("Plans", []))
