"""Topics: their settings, their counts, and their deletion."""

import psycopg
import pytest

from broker import topics
from broker.errors import Conflict, NotFound
from broker.pubsub import subscriptions
from broker.queue import browsing, leases
from broker.schema import maintenance
from broker.topics import Queued

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"
TABLES = ("queue", "log", "log_spans", "subscriptions", "attempts")


def settings(topic):
    found = topics.read(topic)
    return found.broadcast, found.lease_seconds, found.max_receives


def count_rows(owner):
    """How many rows each table has."""
    return {table: owner.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def test_the_topic_default_exists_from_the_beginning():
    assert settings("default") == ("manual", 30, 10)


def test_put_creates_a_topic_or_replaces_its_settings():
    assert topics.put("orders", topics.Put(lease_seconds=60, max_receives=None)).created
    assert settings("orders") == ("manual", 60, None)
    assert not topics.put("orders", topics.Put(max_receives=3)).created
    assert settings("orders") == ("manual", 30, 3)


def test_put_keeps_the_waiting_messages(orders):
    orders.publish("a")
    topics.put("orders", topics.Put())
    assert topics.read("orders").queue.waiting == 1


def test_patch_changes_only_the_given_settings():
    topics.put("orders", topics.Put(lease_seconds=60, max_receives=3))
    before = topics.read("orders")
    topics.change("orders", topics.Patch(lease_seconds=90))
    assert settings("orders") == ("manual", 90, 3)
    topics.change("orders", topics.Patch(max_receives=None))
    assert settings("orders") == ("manual", 90, None)
    topics.change("orders", topics.Patch())
    assert settings("orders") == ("manual", 90, None)
    assert topics.read("orders").created_at == before.created_at
    assert topics.read("orders").updated_at > before.updated_at


@pytest.mark.parametrize(
    "operation",
    [
        topics.read,
        lambda topic: topics.change(topic, topics.Patch(lease_seconds=1)),
        lambda topic: topics.delete(topic, force=True),
    ],
)
def test_an_unknown_topic_is_not_found(operation):
    with pytest.raises(NotFound, match='no topic "orders"'):
        operation("orders")


def test_leased_and_delayed_messages_count_as_waiting(orders):
    orders.publish(*range(5))
    _, delayed, dead, done, _ = orders.consume()
    orders.settle(
        ack=[done.receipt], reject=[dead.receipt], release=[{"receipt": delayed.receipt, "delay_seconds": 60}]
    )
    assert topics.read("orders").queue == Queued(3, exact=True, estimate=3)


def test_a_topic_shows_since_when_its_oldest_message_is_ready(orders):
    orders.publish("a")
    orders.publish("b")
    assert topics.read("orders").oldest_ready_at == browsing.trace("orders", next(iter(orders.rows()))).ready_at
    orders.consume()
    assert topics.read("orders").oldest_ready_at is None


def test_counts_are_exact_up_to_ten_thousand_and_estimated_beyond(orders, invoices, owner):
    invoices.fill(10)
    orders.fill(10_000)
    assert topics.read("orders").queue == Queued(10_000, exact=True, estimate=10_000)

    orders.fill(10_000)
    owner.execute("ANALYZE queue")

    queue = topics.read("orders").queue
    assert (queue.waiting, queue.exact) == (10_000, False)
    assert 15_000 < queue.estimate < 25_000
    assert topics.read("invoices").queue == Queued(10, exact=True, estimate=10)


def test_a_topic_counts_its_subscriptions_and_how_far_they_are_behind(orders):
    orders.subscribe(URL)
    orders.publish("a", "b")
    orders.broadcast()
    orders.subscribe(URL + "late")
    orders.publish("c")
    orders.broadcast()
    topic = topics.read("orders")
    assert (topic.last_seq, topic.subscriptions, topic.behind) == (3, 2, 3)


def test_topics_that_the_patterns_cover_are_listed_by_name():
    for name in ("orders.eu", "orders.us", "invoices", "Orders"):
        topics.put(name, topics.Put())

    def names(patterns, after=None, limit=100):
        return [topic.name for topic in topics.list_topics(patterns, after, limit).items]

    assert names(["*"]) == sorted(["Orders", "default", "invoices", "orders.eu", "orders.us"])
    assert names(["orders.*", "invoices"]) == ["invoices", "orders.eu", "orders.us"]
    assert names(["orders*"], after="orders.eu") == ["orders.us"]
    assert names(["*"], limit=1) == ["Orders"]
    assert names(["order"]) == []
    assert names(["orders.e_", "orders%*"]) == []


def test_a_topic_with_waiting_messages_is_not_deleted(orders):
    orders.publish("a")
    orders.consume()
    with pytest.raises(Conflict, match=r'messages wait in the topic "orders"; force=true'):
        topics.delete("orders", force=False)
    assert len(orders.rows()) == 1


def test_a_topic_with_subscriptions_is_not_deleted(orders):
    orders.subscribe(URL)
    with pytest.raises(Conflict, match=r'the topic "orders" has subscriptions; force=true'):
        topics.delete("orders", force=False)


def test_dead_letters_do_not_prevent_the_deletion_of_a_topic(orders):
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[leased.receipt])
    topics.delete("orders", force=False)
    with pytest.raises(NotFound):
        topics.read("orders")


def test_a_forced_deletion_frees_the_name_at_once(orders):
    subscribed = orders.subscribe(URL)
    [message_id] = orders.publish("a")
    orders.broadcast()
    orders.publish("b")

    topics.delete("orders", force=True)

    assert [topic.name for topic in topics.list_topics(["*"], None, 9).items] == ["default"]
    assert orders.publish("c")
    assert orders.contents(orders.consume()) == ["c"]
    assert topics.read("orders").last_seq == 0
    assert subscriptions.list_subscriptions("orders", None, 9) == ([], None)
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)
    with pytest.raises(NotFound):
        orders.subscription(subscribed)


def test_a_receipt_of_a_deleted_topic_is_not_valid(orders):
    orders.publish("a")
    [leased] = orders.consume()
    topics.delete("orders", force=True)
    with pytest.raises(NotFound):
        leases.ack("orders", leased.receipt)


def test_the_rows_of_a_deleted_topic_are_cleared_in_bounded_steps(orders, invoices, owner):
    for topic in (orders, invoices):
        subscribed = topic.subscribe(URL)
        topic.publish(*range(5))
        topic.broadcast()
        topic.publish(*range(5))
        owner.execute(
            "INSERT INTO attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms)"
            " SELECT %s, 'id', 1, 1, n, now(), 1 FROM generate_series(1, 5) n",
            [subscribed.id],
        )
    one_topic = {"queue": 5, "log": 5, "log_spans": 1, "subscriptions": 1, "attempts": 5}
    assert count_rows(owner) == {table: 2 * rows for table, rows in one_topic.items()}
    topics.delete("orders", force=True)

    steps = []
    while cleared := owner.execute("SELECT broker.clear_deleted_topics(2)").fetchone()[0]:
        steps.append(cleared)

    assert sum(steps) == sum(one_topic.values())
    assert max(steps) == 2
    assert count_rows(owner) == one_topic
    assert owner.execute("SELECT FROM topics WHERE deleted_at IS NOT NULL").fetchall() == []
    assert topics.read("invoices").queue.waiting == 5


def test_maintain_clears_the_rows_of_deleted_topics(orders, invoices, owner):
    for topic in (orders, invoices):
        topic.publish(*range(5))
        topics.delete(topic.name, force=True)
    assert sum(maintenance.maintain().cleared.values()) == 10
    assert sum(maintenance.maintain().cleared.values()) == 0
    assert count_rows(owner)["queue"] == 0


def test_clearing_a_few_rows_deletes_those_that_it_has_locked(orders, owner):
    first, second, _ = orders.publish("a", "b", "c")
    owner.execute("UPDATE queue SET ready_at = ready_at WHERE message_id = %s", [first])  # now the last on its page
    topics.delete("orders", force=True)
    with owner.transaction():
        owner.execute("UPDATE queue SET ready_at = ready_at WHERE message_id = %s", [second])
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as other:
            assert other.execute("SELECT broker.clear_deleted_topics(1)").fetchone() == (1,)
    assert len(orders.rows()) == 2
    assert first not in orders.rows()
