"""The overview: rates, and the topics that need a look first."""

from datetime import UTC, datetime, timedelta

import pytest

from broker import database, overview, topics
from broker.overview import Count
from broker.schema import migrations
from tests.support.push_loop import push

SECONDS = 15


def read(*patterns, limit=30):
    return overview.read([*patterns] or ["*"], overview.Read(limit=limit))


def names(found):
    return [each.topic for each in found.items]


def a_second(count):
    return round(count / SECONDS, 2)


def test_a_broker_that_is_new_has_a_topic_and_nothing_else():
    found = read()
    assert (found.window_seconds, found.published_per_second, found.attempts_per_second) == (SECONDS, 0, 0)
    assert (found.failed_per_second, found.topics.total, found.topics.exact) == (0, 1, True)
    [default] = found.items
    nothing = Count(0, exact=True)
    assert (default.topic, default.broadcast, default.published_per_second) == ("default", "manual", 0)
    assert [default.ready, default.leased, default.delayed, default.dead_letters] == [nothing] * 4
    assert (default.oldest_ready_at, default.last_seq) == (None, 0)
    assert (default.subscriptions_total, default.subscriptions) == (nothing, [])


def test_a_broker_without_topics_has_an_empty_picture(owner):
    topics.delete("default", topics.Delete())
    found = read()
    assert (found.items, found.topics.total) == ([], 0)
    assert found.totals is not None


def test_its_time_is_the_database_s(owner):
    before = owner.execute("SELECT clock_timestamp()").fetchone()[0]
    assert before < read().at < datetime.now(UTC) + timedelta(minutes=1)


def test_what_was_published_is_a_rate(orders, invoices, owner):
    orders.publish("a", "b", "c")
    invoices.publish("d")
    owner.execute("UPDATE messages SET created_at = created_at - interval '16 s' WHERE content::text = '\"c\"'")
    found = read()
    assert found.published_per_second == a_second(3)
    assert {each.topic: each.published_per_second for each in found.items} == {
        "orders": a_second(2),
        "invoices": a_second(1),
        "default": 0,
    }


def test_what_succeeds_and_what_fails_are_rates(orders, invoices, endpoint):
    well = orders.subscribe(f"{endpoint.url}/well")
    orders.subscribe(f"{endpoint.url}/ill")
    invoices.subscribe(f"{endpoint.url}/well")
    endpoint.answer(503, path="/ill")
    for topic in (orders, invoices):
        topic.publish("a")
        topic.broadcast()
        push()

    found = read()

    assert (found.attempts_per_second, found.failed_per_second) == (a_second(3), a_second(1))
    assert names(found)[0] == "orders"
    ill, other = found.items[0].subscriptions
    assert (ill.name, ill.state, ill.failures, ill.behind) == (f"{endpoint.url}/ill", "waiting", 1, 1)
    assert ill.last_attempt.status == 503
    assert ill.due_at > found.at
    assert (other.id, other.state, other.cursor, other.behind) == (str(well.id), "active", 1, 0)
    assert (other.attempts_per_second, other.last_attempt.status) == (a_second(1), 200)
    assert other.p95_ms >= 0


def test_an_attempt_counts_when_it_ends(orders, subscribed, owner):
    push()
    owner.execute("UPDATE attempts SET started_at = now() - interval '20 s', duration_ms = 15000, status = NULL")
    found = read()
    assert (found.attempts_per_second, found.failed_per_second) == (a_second(1), a_second(1))
    [shown] = next(each for each in found.items if each.topic == "orders").subscriptions
    assert (shown.attempts_per_second, shown.p95_ms) == (a_second(1), 15000)
    owner.execute("UPDATE attempts SET duration_ms = 1000")
    found = read()
    assert (found.attempts_per_second, found.failed_per_second) == (0, 0)


def test_of_a_quiet_broker_rates_are_zero_and_the_last_attempt_is_shown(orders, subscribed, owner):
    push()
    owner.execute("UPDATE attempts SET started_at = started_at - interval '1 hour'")
    owner.execute("UPDATE messages SET created_at = created_at - interval '1 hour'")
    found = read()
    assert (found.published_per_second, found.attempts_per_second, found.window_seconds) == (0, 0, SECONDS)
    [shown] = next(each for each in found.items if each.topic == "orders").subscriptions
    assert (shown.attempts_per_second, shown.p95_ms, shown.last_attempt.status) == (0, None, 200)


def test_messages_are_counted_by_their_state(orders):
    orders.publish(*range(6))
    delayed, dead, *_ = orders.consume(4)
    orders.settle(
        release=[{"receipt": delayed.receipt, "delay_seconds": 60}],
        reject=[{"receipt": dead.receipt, "reason": "no such order"}],
    )
    shown = read("orders").items[0]
    assert (shown.ready, shown.leased) == (Count(2, exact=True), Count(2, exact=True))
    assert (shown.delayed, shown.dead_letters) == (Count(1, exact=True), Count(1, exact=True))
    assert shown.oldest_ready_at == topics.read("orders").oldest_ready_at


def test_more_than_a_thousand_are_not_counted(orders, invoices):
    orders.fill(1001)
    invoices.fill(1000)
    [many, few] = read("orders", "invoices").items
    assert (many.ready, few.ready) == (Count(1000, exact=False), Count(1000, exact=True))


@pytest.fixture
def troubled(owner, orders):
    """Topics, each with another sign of trouble, in the order of the picture."""
    owner.execute(
        "INSERT INTO topics (name) SELECT unnest('{c-disabled,b-dead,a-old,z-young,d-busy,e-quiet}'::text[]);"
        "INSERT INTO topic_states (topic_id, last_seq) SELECT id, 10 FROM topics WHERE name LIKE '_-%' ;"
        "INSERT INTO subscriptions (id, topic_id, name, url, secrets, start_seq)"
        " SELECT gen_random_uuid(), id, 'reader', 'https://hooks.example/', '{whsec_}', 0"
        " FROM topics WHERE name = 'c-disabled';"
        "INSERT INTO cursors (subscription_id, topic_id, cursor, disabled_at, disabled_reason)"
        " SELECT id, topic_id, 3, now(), 'status 410' FROM subscriptions;"
        "INSERT INTO queue (message_id, topic_id, ready_at, died_at, reason, bytes)"
        " SELECT gen_random_uuid(), t.id, now() - CASE t.name WHEN 'a-old' THEN interval '1 h' ELSE '1 s' END,"
        "        CASE t.name WHEN 'b-dead' THEN now() END, 'broken', 1"
        " FROM topics t WHERE t.name IN ('b-dead', 'a-old', 'z-young');"
        "INSERT INTO messages (id, topic_id, content, sender, created_at)"
        " SELECT first_uuid(now()), t.id, '1', 's', now() FROM topics t WHERE t.name = 'd-busy'"
    )
    return ["c-disabled", "b-dead", "a-old", "z-young", "d-busy"]


def test_the_worst_topics_come_first(troubled):
    assert names(read()) == [*troubled, "default", "e-quiet"]


def test_each_sign_of_trouble_has_its_turn_before_the_second_of_any(troubled, owner):
    owner.execute(
        "INSERT INTO topics (name) SELECT 'more-' || n FROM generate_series(1, 50) n;"
        "INSERT INTO topic_states (topic_id) SELECT id FROM topics WHERE name LIKE 'more-%';"
        "INSERT INTO queue (message_id, topic_id, ready_at, died_at, reason, bytes)"
        " SELECT gen_random_uuid(), t.id, now(), now() - interval '1 h', 'broken', 1 FROM topics t"
        " WHERE name LIKE 'more-%'"
    )
    found = names(read(limit=5))
    assert (found[0], {*found} >= {"c-disabled", "b-dead", "a-old", "d-busy"}) == ("c-disabled", True)
    assert len(names(read(limit=100))) == 50 + len(troubled) + 2


def test_the_worst_subscriptions_come_first(orders, owner):
    for name in ("resting", "behind", "waiting", "paused", "disabled"):
        orders.subscribe("https://hooks.example/", name=name)
    orders.subscribe("https://hooks.example/", name="far behind")
    owner.execute(
        "UPDATE topic_states SET last_seq = 10;"
        "UPDATE cursors c SET cursor = CASE s.name WHEN 'resting' THEN 10 WHEN 'far behind' THEN 0 ELSE 5 END,"
        " batch_last_seq = CASE s.name WHEN 'waiting' THEN 6 END, failures = (s.name = 'waiting')::integer,"
        " due_at = CASE s.name WHEN 'waiting' THEN now() + interval '1 h' END,"
        " paused_at = CASE s.name WHEN 'paused' THEN now() END,"
        " disabled_at = CASE s.name WHEN 'disabled' THEN now() END,"
        " disabled_reason = CASE s.name WHEN 'disabled' THEN 'status 410' END"
        " FROM subscriptions s WHERE s.id = c.subscription_id"
    )
    [shown] = read("orders").items
    assert [each.name for each in shown.subscriptions] == [
        "disabled",
        "waiting",
        "paused",
        "far behind",
        "behind",
        "resting",
    ]
    assert [each.behind for each in shown.subscriptions] == [5, 5, 5, 10, 5, 0]
    assert shown.subscriptions[0].disabled_reason == "status 410"


def test_at_most_twenty_subscriptions_are_shown(orders):
    for number in range(21):
        orders.subscribe("https://hooks.example/", name=str(number))
    [shown] = read("orders").items
    assert (shown.subscriptions_total, len(shown.subscriptions)) == (Count(21, exact=True), 20)


def test_a_token_sees_its_topics_only(orders, invoices, endpoint):
    for topic in (orders, invoices):
        topic.subscribe(endpoint.url)
        topic.publish("a", "b")
        topic.broadcast()
    endpoint.answer(503)
    push()
    everything = read()
    for patterns in (["ord*"], ["orders"], ["ord*", "orders", "order_"], ["o*", "nothing"]):
        found = read(*patterns)
        assert (names(found), found.topics.total, found.totals) == (["orders"], 1, None)
        assert found.published_per_second == a_second(2)
        assert (found.attempts_per_second, found.failed_per_second) == (a_second(1), a_second(1))
    assert (everything.published_per_second, everything.failed_per_second) == (a_second(4), a_second(2))
    assert names(read("order_", "rders", "orders.*")) == []


def test_what_was_deleted_is_not_shown(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    topics.delete("orders", topics.Delete(force=True))
    assert names(read()) == ["default"]


def test_more_than_a_thousand_topics_are_estimated(owner):
    owner.execute("INSERT INTO topics (name) SELECT 'many-' || n FROM generate_series(1, 1500) n")
    owner.execute("INSERT INTO topic_states (topic_id) SELECT id FROM topics WHERE name LIKE 'many-%'")
    owner.execute("ANALYZE topics")
    whole, covered = read().topics, read("many-1*").topics
    assert (whole.exact, covered.exact, covered.total) == (False, True, 612)
    assert 1001 <= whole.total <= 2000


def test_attempts_at_more_than_a_thousand_subscriptions_are_not_counted(orders, owner, endpoint):
    orders.subscribe(endpoint.url)
    owner.execute(
        "INSERT INTO cursors (subscription_id, topic_id, cursor)"
        " SELECT gen_random_uuid(), t.id, 0 FROM topics t, generate_series(1, 1000) WHERE t.name = 'orders'"
    )
    for patterns in ("*", "orders"):
        found = read(patterns)
        assert (found.attempts_per_second, found.failed_per_second) == (None, 0)
    assert read("default").attempts_per_second == 0


def test_rates_are_counted_over_the_newest_when_there_are_too_many(orders, owner):
    orders.fill(5001)
    owner.execute("UPDATE messages SET created_at = now() - interval '10 s'")
    found = read()
    assert 10 <= found.window_seconds < SECONDS
    assert found.published_per_second == pytest.approx(5000 / found.window_seconds, rel=0.01)


def test_rates_are_unknown_when_too_many_came_at_once(orders, owner):
    orders.fill(5001)
    owner.execute("UPDATE messages SET created_at = now() + interval '10 s'")  # no clock is that slow
    found = read()
    assert (found.window_seconds, found.published_per_second, found.attempts_per_second) == (0.1, None, None)
    assert found.items[0].published_per_second is None


def test_totals_rise_with_what_happens_and_begin_again_after_a_reset(new_database, orders):
    new_database()
    migrations.migrate()

    def flushed():
        database.functions.value("SELECT pg_stat_force_next_flush()")
        return read().totals

    before = flushed()
    orders.publish("a", "b", "c")
    orders.settle(ack=[message.receipt for message in orders.consume(2)])
    orders.subscribe("http://127.0.0.1:1999/")
    orders.broadcast()
    after = flushed()
    rose = [getattr(after, name) - getattr(before, name) for name in ("published", "broadcast", "consumed")]
    assert rose == [3, 1, 2]
    database.owner.value("SELECT pg_stat_reset()")
    assert flushed() == overview.Totals(0, 0, 0, 0)
