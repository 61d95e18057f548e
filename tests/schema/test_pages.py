"""Pages: each verb touches as many as its result needs, whatever there is beside it in the database."""

from collections.abc import Iterator

import pytest

from tests.support import pages

pytestmark = pytest.mark.slow

SMALL, LARGE = 1_000, 100_000
CONSTANT = 30  # an index of the large database is a level or two deeper
WARM_UPS = 6  # PostgreSQL decides about a general plan at the sixth call of a session
NAMED = "auto000500"
ONE = '[{"content": 1}]'
TOKEN = "00000000-0000-0000-0000-000000000001"
HUNDRED = "(SELECT json_agg(json_build_object('content', n)) FROM generate_series(1, 100) n)"
URL = "https://hooks.example/"

WAITING = "SELECT id FROM browse_messages('orders', '{}', NULL, 50) OFFSET 40 LIMIT 1"
DEAD = """SELECT json_build_object('ids', json_agg(id)) FROM list_dead_letters('dead', '{}', NULL, 10)
           WHERE id IS NOT NULL"""
SUBSCRIPTION = "SELECT id FROM subscriptions WHERE topic_id = (SELECT id FROM topics WHERE name = '{}') LIMIT 1"
OF_SUBSCRIPTION = f"SELECT json_build_object('subscription', ({SUBSCRIPTION.format('refused')}))"
LOGGED = "SELECT message_id FROM log WHERE topic_id = (SELECT id FROM topics WHERE name = '{}') AND seq = 500"
RESEND = "(SELECT %s::json) a (j), resend('{}', (a.j ->> 'message')::uuid, (a.j ->> 'subscription')::uuid)"
OF_BOTH = f"SELECT json_build_object('message', ({LOGGED}), 'subscription', ({SUBSCRIPTION}))"
DEAD_OF_SUBSCRIPTION = f"""SELECT json_build_object('subscription', s.id, 'ids', json_agg(d.id))
    FROM ({SUBSCRIPTION.format("refused")}) s,
         list_dead_letters('refused', json_build_object('subscription', s.id), NULL, 10) d
   WHERE d.id IS NOT NULL GROUP BY s.id"""


def publish(topic: str) -> str:
    return f"SELECT ids FROM publish_unchecked('{topic}', '{ONE}', 'me', '{TOKEN}')"


def broadcast(topic: str) -> str:
    return f"WITH published AS MATERIALIZED ({publish(topic)}) SELECT (broadcast('{topic}')).messages FROM published"


OUTCOMES = f"""WITH due AS MATERIALIZED ({broadcast(NAMED)})
    SELECT json_agg(json_build_object(
               'subscription_id', p.subscription_id, 'fence', p.fence, 'webhook_id', p.webhook_id, 'attempt', 1,
               'first_seq', p.first_seq, 'last_seq', p.last_seq, 'started_at', now(), 'duration_ms', 1,
               'action', 'delivered'))
      FROM due, LATERAL (SELECT * FROM plan_batches(due.messages, 60)) p"""

# By what they do: the call, and what is arranged before it.
CALLS: dict[str, tuple[str, *tuple[str, ...]]] = {
    "publish": (f"publish_unchecked('orders', '{ONE}', 'me', '{TOKEN}')",),
    "publish with an idempotency key": (f"publish_unchecked('orders', '{ONE}', 'me', '{TOKEN}', 'k', 'f')",),
    "publish to an auto topic": (f"publish_unchecked('{NAMED}', '{ONE}', 'me', '{TOKEN}')",),
    "publish to a new topic": (f"publish_unchecked('new', '{ONE}', 'me', '{TOKEN}')",),
    "publish 100": (f"publish_batch('orders', {HUNDRED})",),
    "consume 10": ("consume('orders', 10)",),
    "consume 10 with auto_ack": ("consume('orders', 10, p_auto_ack => true)",),
    "consume nothing": (f"consume('{NAMED}', 10)",),
    "settle 10": (
        "settle('orders', %s)",
        "SELECT json_build_object('ack', json_agg(receipt)) FROM consume('orders', 10)",
    ),
    "broadcast 1 to one": (f"broadcast('{NAMED}')", publish(NAMED)),
    "broadcast 1 to all": ("broadcast('news')", publish("news")),
    "broadcast nothing": ("broadcast('news')",),
    "preview a broadcast to all": ("preview_broadcast('news')", publish("news")),
    "plan nothing": ("plan_batches(100, 60)",),
    "plan the only one behind": ("plan_batches(100, 60)", broadcast(NAMED)),
    "plan 100 of all": ("plan_batches(100, 60)", broadcast("news")),
    "record an outcome": ("plan_batches(0, 60, p_outcomes => %s)", OUTCOMES),
    "next_due of nothing": ("next_due()",),
    "next_due of one": ("next_due()", broadcast(NAMED)),
    "last_lease_end": ("last_lease_end()",),
    "auto_topics of none": ("auto_topics(NULL)",),
    "auto_topics of a name": (f"auto_topics('{{{NAMED}}}')", publish(NAMED)),
    "list all topics": ("list_topics('{*}', NULL, 100)",),
    "list no topic": ("list_topics('{zzz*}', NULL, 100)",),
    "list the topics of a narrow pattern": ("list_topics('{auto0005*}', NULL, 10)",),
    "search topics": ("list_topics('{*}', NULL, 10, '00')",),
    "search topics of a narrow pattern": ("list_topics('{auto0005*}', NULL, 100, 'zzz')",),
    "list a topic": (f"list_topics('{{{NAMED}}}', NULL, 100)",),
    "the overview": ("overview('{*}', 30)",),
    "the overview of some topics": ("overview('{auto0005*,orders}', 30)",),
    "read a topic": ("read_topic('many')",),
    "read a topic with many subscriptions": ("read_topic('news')",),
    "list subscriptions": ("list_subscriptions('news', NULL, NULL, 100)",),
    "read a subscription": ("list_subscriptions('news', %s, NULL, 1)", SUBSCRIPTION.format("news")),
    "read a subscription with dead letters": (
        "list_subscriptions('refused', %s, NULL, 1)",
        SUBSCRIPTION.format("refused"),
    ),
    "trace a waiting message": ("trace_message('orders', %s)", WAITING),
    "trace a consumed message": (
        "trace_message('orders', %s)",
        "SELECT id FROM consume('orders', 1, p_auto_ack => true)",
    ),
    "trace a dead letter": (
        "trace_message('dead', %s)",
        "SELECT id FROM list_dead_letters('dead', '{}', NULL, 1) LIMIT 1",
    ),
    "trace a message that was broadcast to all": ("trace_message('news', %s)", LOGGED.format("news")),
    "trace a message that was refused": ("trace_message('refused', %s)", LOGGED.format("refused")),
    "find a message": ("find_id(%s)", WAITING),
    "find a message that was broadcast": ("find_id(%s)", LOGGED.format("news")),
    "find a subscription": ("find_id(%s)", SUBSCRIPTION.format("news")),
    "find nothing": ("find_id('01a20ce4-07b0-7303-aece-1db29531985d')",),
    "test a subscription": ("test_subscription('news', %s)", SUBSCRIPTION.format("news")),
    "plan a test": (
        "plan_tests(ARRAY[%s])",
        f"SELECT test_subscription('news', ({SUBSCRIPTION.format('news')}))",
    ),
    "list attempts": ("list_attempts('refused', %s, NULL, 100)", SUBSCRIPTION.format("refused")),
    "list attempts at a message": (
        "list_attempts('refused', %s, NULL, 100, 500)",
        SUBSCRIPTION.format("refused"),
    ),
    "list attempts at a message that was delivered": (
        "list_attempts('delivered', %s, NULL, 100, 500)",
        SUBSCRIPTION.format("delivered"),
    ),
    "list failed attempts": ("list_attempts('refused', %s, NULL, 100, NULL, true)", SUBSCRIPTION.format("refused")),
    "list failed attempts of one without": (
        "list_attempts('delivered', %s, NULL, 100, NULL, true)",
        SUBSCRIPTION.format("delivered"),
    ),
    "browse": ("browse_messages('orders', '{}', NULL, 100)",),
    "list the history": ("list_history('orders', '{}', NULL, 100)",),
    "rates of a topic": ("list_rates('orders', NULL, NULL, NULL, NULL, 500)",),
    "rates of a topic with dead letters": ("list_rates('dead', NULL, NULL, NULL, NULL, 500)",),
    "rates of a subscription": ("list_rates('refused', NULL, NULL, NULL, %s, 500)", SUBSCRIPTION.format("refused")),
    "cancel": ("cancel_message('orders', %s)", WAITING),
    "list dead letters": ("list_dead_letters('dead', '{}', NULL, 100)",),
    "list dead letters of a subscription": ("list_dead_letters('refused', %s, NULL, 100)", OF_SUBSCRIPTION),
    "redrive ids": ("redrive('dead', %s, 0, false)", DEAD),
    "delete ids": ("delete_dead_letters('dead', %s, false)", DEAD),
    "redrive ids of a subscription": ("redrive('refused', %s, 0, false)", DEAD_OF_SUBSCRIPTION),
    "delete ids of a subscription": ("delete_dead_letters('refused', %s, false)", DEAD_OF_SUBSCRIPTION),
    "resend a dead letter": (RESEND.format("refused"), OF_BOTH.format("refused", "refused")),
    "resend a delivered message": (RESEND.format("news"), OF_BOTH.format("news", "news")),
    "subscribe": (f"""subscribe('news', 'new', 'whsec_', '{{"url": "{URL}new"}}')""",),
    "subscribe to a new topic": (f"""subscribe('new', 'new', 'whsec_', '{{"url": "{URL}new"}}')""",),
    "unsubscribe": ("unsubscribe('news', %s, NULL)", SUBSCRIPTION.format("news")),
    "unsubscribe a url": (f"unsubscribe('news', NULL, '{URL}500')",),
    "pause": ("""change_subscription('news', %s, '{"paused": true}')""", SUBSCRIPTION.format("news")),
    "rename": ("""change_subscription('news', %s, '{"name": "new"}')""", SUBSCRIPTION.format("news")),
    "rotate": ("rotate_secret('news', %s, 'whsec_new', 60)", SUBSCRIPTION.format("news")),
    "put a new topic": ("put_topic('new', 'auto', 30, 10)",),
    "put a topic": (f"put_topic('{NAMED}', 'auto', 30, 10)",),
    "change a topic": ("""change_topic('orders', '{"broadcast": "auto"}')""",),
    "delete a topic": ("delete_topic('orders', true)",),
    "end no dead letters": ("end_dead_letters(100)",),
    "expire no backlog": ("expire_backlog()",),
    "due_partitions": ("due_partitions()",),
    "500 survivors": ("survivors((SELECT p FROM partitions p WHERE p.name = '19700101_000000'), 500)",),
    "clear no topics": ("clear_deleted_topics(100)",),
    "clear no idempotency keys": ("clear_idempotency_keys(100)",),
    "clear nothing that was moved aside": ("clear_kept(NULL, 100)",),
}


@pytest.fixture(scope="module")
def urls(database_url: str) -> Iterator[dict[int, str]]:
    """The owner's urls of a small and a large database."""
    with pages.databases(database_url, (SMALL, LARGE), pages.fill) as urls:
        yield urls


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_a_verb_touches_as_many_pages_as_its_result_needs(urls: dict[int, str], call: tuple[str, ...]) -> None:
    counted = {}
    for rows, url in urls.items():
        with pages.connect(url) as session:
            if rows == LARGE:
                session.execute("SET statement_timeout = '60s'")
            counted[rows] = [pages.count(session, *call) for _ in range(WARM_UPS + 1)][1:]
    allowed = [2 * small + CONSTANT for small in counted[SMALL]]
    assert all(large <= limit for large, limit in zip(counted[LARGE], allowed, strict=True)), counted


def test_a_search_of_topics_in_vain_reads_ten_thousand_names_from_their_index(urls: dict[int, str]) -> None:
    with pages.connect(urls[LARGE]) as session:
        counted = [pages.count(session, "list_topics('{*}', NULL, 100, 'zzz')") for _ in range(WARM_UPS + 1)][1:]
    assert max(counted) < 100


@pytest.mark.parametrize("topics", ["name = 'news'", "broadcast = 'auto'"], ids=["of one topic", "of as many topics"])
def test_the_backlog_of_ten_thousand_subscriptions_expires_in_one_statement(urls: dict[int, str], topics: str) -> None:
    """It takes time in proportion to them: here about a second, of the ten that a statement may take."""
    with pages.connect(urls[LARGE]) as session, session.transaction(force_rollback=True):
        session.execute(
            "UPDATE cursors SET paused_at = now(), cursor = -1 WHERE subscription_id IN ("
            f" SELECT c.subscription_id FROM cursors c JOIN topics t ON t.id = c.topic_id WHERE t.{topics}"
            " ORDER BY c.subscription_id LIMIT 10000)".encode()
        )
        session.execute("UPDATE subscriptions SET backlog_days = 1")
        session.execute("INSERT INTO log_spans SELECT id, 1, now() - interval '2 days' FROM topics")
        session.execute("SET LOCAL statement_timeout = '10s'")
        expired = session.execute("SELECT json_array_length(expire_backlog())").fetchone()
    assert expired == (10_000,)
