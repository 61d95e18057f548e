"""Two sessions that call verbs step by step, from a start at which each verb has something to do.

The topic `orders` has the messages `a`, whose lease has ended (`settle` acks its receipt), and `b`; a dead letter `d`;
and `e`, which was broadcast a month ago. Of its subscriptions, `r` is on lease with `e` (`record` delivers it, and
`change` gives it another url), `s` is due, and `p` is paused and has kept `e` for too long. An idempotency key has
expired. The topic `invoices` was deleted, and left a message and a subscription. `keep` moves aside what is needed.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest

from broker import topics
from broker.dispatch import planner
from tests.support.outcomes import outcome
from tests.support.runner import until
from tests.support.topic import TOKEN_ID, Topic

Connection = psycopg.Connection[Any]

URL = "http://127.0.0.1:8000/"
VERBS = {
    "publish": """SELECT 'stored' FROM broker.publish('orders', '"c"')""",
    "consume": "SELECT coalesce(string_agg(content #>> '{}', ''), 'none') FROM broker.consume('orders')",
    "settle": "SELECT CASE WHEN acked = 1 THEN 'acked' WHEN gone <> '{}' THEN 'gone' WHEN stale <> '{}' THEN 'stale'"
    " END FROM broker.settle('orders', current_setting('test.receipts')::json)",
    "broadcast": "SELECT 'moved ' || messages FROM broker.broadcast('orders')",
    "subscribe": "SELECT CASE WHEN created THEN 'created' ELSE 'exists' END"
    f" FROM broker.subscribe('orders', 't', 'whsec_', '{{\"url\": \"{URL}t\"}}')",
    "unsubscribe": f"SELECT 'removed ' || broker.unsubscribe('orders', NULL, '{URL}s')",
    "redrive": "SELECT 'redriven ' || changed FROM broker.redrive('orders', '{}', 0, false)",
    "delete": "SELECT 'deleted' FROM broker.delete_topic('orders', true)",
    "clear": "SELECT 'cleared ' || sum(broker.clear_deleted_topics(100)) FROM generate_series(1, 9)",
    "plan": "SELECT coalesce(string_agg(right(url, 1) || ' gets ' || (SELECT string_agg(m ->> 'content', '')"
    " FROM json_array_elements(body::json -> 'messages') m), ', ' ORDER BY url), 'none')"
    " FROM broker.plan_batches(10, 60)",
    "record": "SELECT 'recorded' FROM (SELECT count(*) FROM broker.plan_batches("
    "0, 60, p_outcomes => current_setting('test.outcomes')::json)) planned",
    "change": "SELECT CASE WHEN broker.change_subscription('orders', s.id, '{\"url\": \"http://127.0.0.1:8000/new/r\"}')"
    " THEN 'changed' ELSE 'unknown' END FROM subscriptions s WHERE s.name = 'r'",
    "next": "SELECT CASE WHEN due_at <= statement_timestamp() THEN 'due' WHEN due_at IS NULL THEN 'never'"
    " ELSE 'later' END FROM broker.next_due() due_at",
    "expire": "SELECT 'expired ' || json_array_length(broker.expire_backlog())",
    "keep": "SELECT 'kept ' || sum(broker.keep_survivors(p.name, 100)) FROM partitions p",
    "maintain": "SELECT 'cleared ' || broker.clear_idempotency_keys(100) + broker.ensure_partitions(now(), now())",
}
GIVES_UP = {VERBS["delete"]}  # its wait for a lock ends by itself

QUEUE_AND_LOG = """
WITH topic AS (SELECT id FROM topics WHERE name = %s AND deleted_at IS NULL), waiting AS (
    SELECT CASE WHEN q.ready_at > now() THEN upper(m.content #>> '{}') ELSE m.content #>> '{}' END AS content
      FROM queue q JOIN contents m ON m.id = q.message_id WHERE q.topic_id IN (TABLE topic) AND q.died_at IS NULL
), logged AS (
    SELECT l.seq, m.content #>> '{}' AS content
      FROM entries l JOIN contents m ON m.id = l.message_id WHERE l.topic_id IN (TABLE topic)
)
SELECT concat_ws('/', coalesce((SELECT string_agg(content, '' ORDER BY lower(content)) FROM waiting), '-'),
                      coalesce((SELECT string_agg(content, '' ORDER BY seq) FROM logged), '-'))
"""


class Sessions(NamedTuple):
    """Sessions of the owner, which may call every function. Each is in a transaction from its first call on."""

    first: Connection
    second: Connection


@pytest.fixture(scope="module")
def connections(database_url: str) -> Iterator[Sessions]:
    """The sessions of all tests of a module: a new one has to plan the statements of the verbs."""
    options = "-c search_path=broker"
    with (
        psycopg.connect(database_url, options=options) as first,
        psycopg.connect(database_url, options=options) as second,
    ):
        yield Sessions(first, second)


@pytest.fixture
def sessions(connections: Sessions, orders: Topic, invoices: Topic, owner: Connection) -> Iterator[Sessions]:
    """The sessions after the start."""
    invoices.publish("left")
    invoices.subscribe(URL)
    topics.delete("invoices", topics.Delete(force=True))
    subscribed = {name: orders.subscribe(URL + name, name=name) for name in ("r", "s", "p")}
    orders.publish("e")
    orders.broadcast()
    orders.publish("d")
    orders.settle(reject=[orders.consume(1)[0].receipt])
    orders.publish("a", "b")
    [leased] = orders.consume(1)
    owner.execute("UPDATE cursors SET due_at = now() WHERE subscription_id = %s", [subscribed["r"].id])
    [job] = planner.plan(1)
    owner.execute("UPDATE cursors SET due_at = NULL")
    owner.execute("UPDATE queue SET ready_at = now() - interval '1 min' WHERE leased_at IS NOT NULL")
    owner.execute("UPDATE log_spans SET broadcast_at = now() - interval '31 days'")
    orders.change(subscribed["p"], paused=True)
    owner.execute(
        "INSERT INTO idempotency_keys (topic_id, token_id, key, fingerprint, ids, expires_at)"
        " SELECT id, %s, 'k', '', '{}', now() - interval '1 hour' FROM topics WHERE name = 'orders'",
        [TOKEN_ID],
    )
    values = [msgspec.json.encode(given).decode() for given in ({"ack": [leased.receipt]}, [outcome(job)])]
    for session in connections:
        session.execute("SELECT set_config('test.receipts', %s, false), set_config('test.outcomes', %s, false)", values)
        session.commit()
    yield connections
    for session in connections:
        session.rollback()


def call(session: Connection, *statements: str) -> str:
    """Call verbs in the session's transaction: return what each returned, or the SQLSTATE of the first that fails."""
    results = []
    for statement in statements:
        try:
            results += session.execute(statement.encode()).fetchone() or ["none"]
        except psycopg.DatabaseError as error:
            return str(error.sqlstate)
    return ", ".join(results)


def call_and_commit(session: Connection, *statements: str) -> str:
    """Call verbs in a transaction of their own, which is rolled back when one fails."""
    result = call(session, *statements)
    session.commit()
    return result


def waits(owner: Connection, session: Connection) -> bool:
    """Whether the session waits for another one."""
    [(waiting,)] = owner.execute("SELECT pg_blocking_pids(%s) <> '{}'", [session.info.backend_pid])
    return bool(waiting)


def interleave(
    owner: Connection,
    sessions: Sessions,
    first: Sequence[str],
    second: Sequence[str],
    end: str,
    before_second: Callable[[], object] = lambda: None,
) -> tuple[str, str]:
    """Call verbs in the first session, then others in the second one; commit or roll back the first, then the second.

    Returns whether the second one `waits` for the end of the first or `proceeds`, and its results.
    """
    call(sessions.first, *first)
    before_second()
    with ThreadPoolExecutor() as pool:
        calling = pool.submit(call_and_commit, sessions.second, *second)
        until(lambda: calling.done() or (GIVES_UP.isdisjoint(second) and waits(owner, sessions.second)))
        waited = not calling.done()
        getattr(sessions.first, end)()
    return "waits" if waited else "proceeds", calling.result()


SLOW: dict[str, list[pytest.MarkDecorator]] = {"commit": [], "rollback": [pytest.mark.slow]}


def cases(table: str) -> list[Any]:
    """Read a table of two verbs, what `interleave` returns, and what is left: a case for each commit and rollback.

    The cases with a rollback are slow tests.
    """
    return [
        pytest.param(first, second, end, (it, *result), id=f"{first}-{second}-{end}", marks=SLOW[end])
        for line in table.strip().splitlines()[2:]
        if line
        for first, second, it, *results in [[cell.strip() for cell in line.split("|")]]
        for end, result in zip(
            ("commit", "rollback"), (results[: len(results) // 2], results[len(results) // 2 :]), strict=True
        )
    ]


def queue_and_log(session: Connection, topic: str) -> str:
    """The messages in a topic's queue (in upper case those on lease), and its log in order, as `aB/e`."""
    [(found,)] = session.execute(QUEUE_AND_LOG.encode(), [topic])
    session.rollback()
    return str(found)
