"""The rates of a topic: what was published, broadcast and sent in each step of a time, counted from what is stored."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker import rates
from broker.errors import InvalidInput, NotFound
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs

HOUR = timedelta(hours=1)
MILLISECOND = timedelta(milliseconds=1)
UNTIL = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SINCE = UNTIL - HOUR
PUBLISH_AT = """
INSERT INTO messages (id, topic_id, content, sender, created_at)
SELECT uuidv7(ticks(m.at)), t.id, '1', 'a test', m.at
  FROM unnest(%s::timestamptz[], %s::text[]) m (at, topic) JOIN topics t ON t.name = m.topic
"""


FILL_GAPS = """
INSERT INTO messages (id, topic_id, content, sender, created_at)
SELECT uuidv7(ticks(%(at)s) + n), t.id, to_json(repeat('x', 1800)), 'a test', %(at)s
  FROM topics t,
       (SELECT sum(pg_relation_size(inhrelid)) AS bytes FROM pg_inherits WHERE inhparent = 'messages'::regclass) s,
       generate_series(1, s.bytes::integer / 2000) n
 WHERE t.name = 'orders'
"""


def counted(**query):
    return rates.list_rates("orders", rates.List(**query))


def values(found, field):
    return [getattr(step, field) for step in found.steps]


def test_the_last_hour_is_counted_in_sixty_steps(orders, invoices):
    orders.publish("a", "b")
    invoices.publish("c")
    [leased] = orders.consume(1)
    orders.settle(ack=[leased.receipt])
    found = counted()
    assert (found.until - found.since, found.step_seconds, len(found.steps), found.exact) == (HOUR, 60, 60, True)
    assert timedelta(0) <= found.until - found.at <= MILLISECOND
    assert [step.at - found.since for step in found.steps] == [timedelta(minutes=n) for n in range(60)]
    assert values(found, "published") == [0] * 59 + [2]
    assert values(found, "broadcast") == values(found, "died") == [0] * 60
    assert {(step.attempts, step.failed, step.p95_ms) for step in found.steps} == {(None, None, None)}


@pytest.mark.parametrize(
    ("query", "step_seconds", "steps"),
    [
        ({}, 60, 60),
        ({"since": SINCE, "until": UNTIL}, 60, 60),
        ({"since": SINCE, "until": UNTIL, "step_seconds": 30}, 30, 120),
        ({"since": SINCE, "until": UNTIL, "step_seconds": 7000}, 7000, 1),
        ({"since": SINCE, "until": SINCE + 90 * timedelta(seconds=1)}, 2, 45),
        ({"since": SINCE, "until": SINCE + MILLISECOND}, 1, 1),
        ({"since": datetime(1, 1, 1, tzinfo=UTC), "until": datetime(1970, 1, 2, tzinfo=UTC)}, 1440, 60),
        ({"until": datetime(9999, 12, 31, tzinfo=UTC)}, 60, 60),
    ],
)
def test_a_time_is_divided_into_steps(orders, query, step_seconds, steps):
    orders.publish("a")
    found = counted(**query)
    assert (found.step_seconds, len(found.steps), found.steps[0].at) == (step_seconds, steps, found.since)
    assert found.steps[-1].at < found.until <= found.steps[-1].at + timedelta(seconds=step_seconds)


def test_more_than_120_steps_are_refused_with_the_least_length(orders):
    orders.publish("a")
    with pytest.raises(InvalidInput) as refused:
        counted(since=SINCE, until=UNTIL + MILLISECOND, step_seconds=30)
    [fault] = refused.value.faults
    assert (fault.parameter, fault.detail) == ("step_seconds", "must be at least 31, for 120 steps")


def test_a_topic_and_a_subscription_must_exist(orders, invoices, endpoint):
    other = invoices.subscribe(endpoint.url)
    with pytest.raises(NotFound):
        counted()
    orders.publish("a")
    for unknown in (other.id, uuid4()):
        with pytest.raises(NotFound):
            counted(subscription=unknown)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    messages=st.lists(st.tuples(st.integers(0, 3_600_000 - 1), st.sampled_from(["orders", "invoices"])), max_size=40),
    since=st.integers(0, 3_600_000 - 1),
    length=st.integers(1, 3_600_000),
    step_seconds=st.none() | st.integers(30, 4000),
    most=st.integers(0, 40),
)
def test_the_steps_have_each_message_of_the_time_once(
    orders, invoices, owner, messages, since, length, step_seconds, most
):
    for topic in (orders, invoices):
        topic.publish("so that it exists")
    owner.execute("DELETE FROM messages")
    times = [SINCE + offset * MILLISECOND for offset, _ in messages]
    owner.execute(PUBLISH_AT, [times, [topic for _, topic in messages]])
    begin, end = SINCE + since * MILLISECOND, SINCE + (since + length) * MILLISECOND

    found = counted(since=begin, until=end, step_seconds=step_seconds)
    [(exact,)] = owner.execute(
        "SELECT exact FROM list_rates('orders', %s, %s, %s, NULL, %s)", [begin, end, step_seconds, most]
    )

    within = [(at, topic) for at, (_, topic) in zip(times, messages, strict=True) if begin <= at < found.until]
    bounds = [*(step.at for step in found.steps), found.until]
    expected = [
        sum(first <= at < last and topic == "orders" for at, topic in within) for first, last in pairwise(bounds)
    ]
    assert found.exact
    assert values(found, "published") == expected
    assert sum(expected) == sum(topic == "orders" for _, topic in within)
    assert exact == (len(within) <= most)


def test_what_cannot_be_counted_is_estimated_also_when_it_comes_in_batches(orders, invoices, owner):
    """Each minute a batch of `orders` within a millisecond, and as many messages of `invoices`, one after the other."""
    for topic in (orders, invoices):
        topic.publish("so that it exists")
    # a sample takes pages for the order of storing: no room may be left of rows that other tests have deleted
    owner.execute(FILL_GAPS, {"at": SINCE - timedelta(minutes=1)})
    owner.execute(
        "INSERT INTO messages (id, topic_id, content, sender, created_at)"
        " SELECT uuidv7(ticks(m.at) + m.n), t.id, to_json(repeat('x', 1800)), 'a test', m.at"
        "   FROM (SELECT 'orders' AS topic, %(since)s + minute * interval '1 min' AS at, n"
        "           FROM generate_series(0, 59) minute, generate_series(1, 100) n"
        "         UNION ALL"
        "         SELECT 'invoices', %(since)s + n * interval '600 ms', 0 FROM generate_series(0, 5999) n) m"
        "   JOIN topics t ON t.name = m.topic ORDER BY m.at, m.n",
        {"since": SINCE},
    )
    for topic in ("orders", "invoices"):
        [(exact, steps)] = owner.execute(
            "SELECT exact, steps FROM list_rates(%s, %s, %s, NULL, NULL, 1000)", [topic, SINCE, UNTIL]
        )
        published = [step["published"] for step in steps]
        assert not exact
        assert published[-5:] == [100] * 5  # the newest 1,000 messages of all topics
        assert all(80 <= count <= 120 for count in published)
        assert 5600 < sum(published) < 6400


def test_a_broadcast_is_in_the_step_of_its_time(orders, endpoint, owner):
    orders.subscribe(endpoint.url)
    for count, minutes in ((1, 50), (2, 50), (3, 20), (4, 90)):
        orders.publish(*range(count))
        first = orders.broadcast().first_seq
        owner.execute(
            "UPDATE log_spans SET broadcast_at = %s WHERE first_seq = %s", [UNTIL - timedelta(minutes=minutes), first]
        )
    owner.execute("DELETE FROM log_spans WHERE first_seq = 7")
    found = counted(since=SINCE, until=UNTIL, step_seconds=600)
    assert values(found, "broadcast") == [0, 3, 0, 0, 7, 0]
    assert values(counted(since=SINCE, until=UNTIL - timedelta(minutes=30)), "broadcast") == [0] * 20 + [3] + [0] * 39


def test_a_broadcast_that_waited_for_a_later_one_makes_no_step_negative(orders, endpoint, owner):
    orders.subscribe(endpoint.url)
    for minutes in (10, 20):
        orders.publish("a", "b")
        first = orders.broadcast().first_seq
        owner.execute(
            "UPDATE log_spans SET broadcast_at = %s WHERE first_seq = %s", [UNTIL - timedelta(minutes=minutes), first]
        )
    published = values(counted(since=SINCE, until=UNTIL, step_seconds=600), "broadcast")
    assert min(published) == 0
    assert sum(published) == 4


def test_dead_letters_are_in_the_step_in_which_they_died(orders, owner):
    orders.publish(*range(5))
    orders.settle(reject=[{"receipt": each.receipt, "reason": "broken"} for each in orders.consume(4)])
    ids = [message_id for message_id, row in orders.rows().items() if row["died_at"]]
    for message_id, minutes in zip(ids, (61, 50, 50, 5), strict=True):
        owner.execute(
            "UPDATE queue SET died_at = %s WHERE message_id = %s", [UNTIL - timedelta(minutes=minutes), message_id]
        )
    assert values(counted(since=SINCE, until=UNTIL, step_seconds=600), "died") == [0, 2, 0, 0, 0, 1]
    [(steps,)] = owner.execute("SELECT steps FROM list_rates('orders', %s, %s, 600, NULL, 2)", [SINCE, UNTIL])
    assert [step["died"] for step in steps] == [None, None, 0, 0, 0, 1]


def test_the_attempts_of_a_subscription_are_in_the_step_in_which_they_started(orders, endpoint, owner):
    subscribed = orders.subscribe(endpoint.url)
    endpoint.answer(503, times=2)
    orders.publish("a")
    orders.broadcast()
    for _ in range(3):
        orders.end_waits()
        push()
    times = [UNTIL - timedelta(minutes=minutes) for minutes in (50, 45, 5)]
    started = owner.execute("SELECT started_at FROM attempts ORDER BY started_at").fetchall()
    for (before,), at, duration in zip(started, times, (20, 30, 40), strict=True):
        owner.execute(
            "UPDATE attempts SET started_at = %s, duration_ms = %s WHERE started_at = %s", [at, duration, before]
        )

    found = counted(since=SINCE, until=UNTIL, step_seconds=900, subscription=subscribed.id)

    assert [(step.attempts, step.failed, step.p95_ms) for step in found.steps] == [
        (1, 1, 20), (1, 1, 30), (0, 0, None), (1, 0, 40),
    ]  # fmt: skip
    assert {(step.published, step.broadcast, step.died) for step in found.steps} == {(None, None, None)}
    assert found.exact
    [(steps,)] = owner.execute(
        "SELECT steps FROM list_rates('orders', %s, %s, 900, %s, 1)", [SINCE, UNTIL, subscribed.id]
    )
    assert [step["attempts"] for step in steps] == [None, None, 0, 1]


def test_the_p95_of_a_step_is_of_its_latest_hundred_attempts(orders, endpoint, owner):
    subscribed = orders.subscribe(endpoint.url)
    owner.execute(
        "INSERT INTO attempts (subscription_id, started_at, first_seq, last_seq, message_id, epoch, duration_ms,"
        " attempt, status)"
        " SELECT %s, %s + n * interval '1 s', n, n, %s, 1, CASE WHEN n <= 50 THEN 9999 ELSE n END, 1, 200"
        " FROM generate_series(1, 150) n",
        [subscribed.id, SINCE, UUID(int=1)],
    )
    [step] = counted(since=SINCE, until=UNTIL, step_seconds=3600, subscription=subscribed.id).steps
    assert (step.attempts, step.failed, step.p95_ms) == (150, 0, 145)


def test_what_is_older_than_the_retention_is_not_known(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    query = {"since": UNTIL - timedelta(days=33), "step_seconds": 86_400}
    for found, known in (
        (counted(**query), ("published", "broadcast")),
        (counted(**query, subscription=subscribed.id), ("attempts", "failed")),
    ):
        for field in known:
            assert values(found, field)[:3] == [None] * 3
            assert values(found, field)[4:] == [0] * (len(found.steps) - 4)
        assert found.exact
