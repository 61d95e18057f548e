"""Topics: their settings, their counts, and their deletion."""

import psycopg
import pytest

from broker import topics
from broker.errors import Conflict, NotFound
from broker.pubsub import reading
from broker.queue import browsing, leases
from broker.schema import maintenance
from broker.topics import Dead, Queued, Waiting
from tests.support.snapshots import everything

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"
TABLES = ("queue", "subscriptions", "cursors", "redeliveries", "idempotency_keys", "kept_log", "batch_windows")


def settings(topic):
    found = topics.read(topic)
    return found.broadcast, found.lease_seconds, found.max_receives, found.dead_days


def all_ready(count):
    """What a topic counts when so many messages wait, none of them leased or delayed."""
    return Waiting(count, exact=True, estimate=count, ready=count, leased=0, delayed=0)


def count_rows(owner):
    """How many rows each table has."""
    return {table: owner.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def test_the_topic_default_exists_from_the_beginning():
    assert settings("default") == ("manual", 30, 10, 30)


def test_put_creates_a_topic_or_replaces_its_settings():
    assert topics.put("orders", topics.Put(lease_seconds=60, max_receives=None, dead_days=None)).created
    assert settings("orders") == ("manual", 60, None, None)
    assert not topics.put("orders", topics.Put(max_receives=3)).created
    assert settings("orders") == ("manual", 30, 3, 30)


def test_put_keeps_the_waiting_messages(orders):
    orders.publish("a")
    topics.put("orders", topics.Put())
    assert topics.read("orders").queue.waiting == 1


def test_patch_changes_only_the_given_settings():
    topics.put("orders", topics.Put(lease_seconds=60, max_receives=3, dead_days=7))
    before = topics.read("orders")
    topics.change("orders", topics.Patch(lease_seconds=90))
    assert settings("orders") == ("manual", 90, 3, 7)
    topics.change("orders", topics.Patch(max_receives=None))
    assert settings("orders") == ("manual", 90, None, 7)
    topics.change("orders", topics.Patch(dead_days=365))
    assert settings("orders") == ("manual", 90, None, 365)
    topics.change("orders", topics.Patch(dead_days=None))
    assert settings("orders") == ("manual", 90, None, None)
    topics.change("orders", topics.Patch())
    assert settings("orders") == ("manual", 90, None, None)
    assert topics.read("orders").created_at == before.created_at
    assert topics.read("orders").updated_at > before.updated_at


@pytest.mark.parametrize(
    "operation",
    [
        topics.read,
        lambda topic: topics.change(topic, topics.Patch(lease_seconds=1)),
        lambda topic: topics.delete(topic, topics.Delete(force=True)),
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
    orders.publish("ready")
    assert topics.read("orders").queue == Waiting(4, exact=True, estimate=4, ready=1, leased=2, delayed=1)
    [listed] = topics.list_topics(["orders"], None, 9).items
    assert listed.queue == Queued(4, exact=True, estimate=4)


def test_a_message_whose_lease_or_delay_ended_counts_as_ready(orders):
    orders.publish("a", "b")
    leased, _ = orders.consume()
    orders.settle(release=[{"receipt": leased.receipt, "delay_seconds": 60}])
    assert topics.read("orders").queue == Waiting(2, exact=True, estimate=2, ready=0, leased=1, delayed=1)
    orders.end_leases()
    assert topics.read("orders").queue == Waiting(2, exact=True, estimate=2, ready=2, leased=0, delayed=0)


def test_a_topic_shows_since_when_its_oldest_message_is_ready(orders):
    orders.publish("a")
    orders.publish("b")
    assert topics.read("orders").oldest_ready_at == browsing.trace("orders", next(iter(orders.rows()))).ready_at
    orders.consume()
    assert topics.read("orders").oldest_ready_at is None


def test_counts_are_exact_up_to_ten_thousand_and_estimated_beyond(orders, invoices, owner):
    invoices.fill(10)
    orders.fill(10_000)
    assert topics.read("orders").queue == all_ready(10_000)

    orders.fill(10_000)
    owner.execute("ANALYZE queue")

    queue = topics.read("orders").queue
    assert (queue.waiting, queue.exact, queue.ready) == (10_000, False, 10_000)
    assert 15_000 < queue.estimate < 25_000
    assert topics.read("invoices").queue == all_ready(10)


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


def test_overlapping_patterns_list_a_topic_once_and_in_order():
    for name in ("a", "a.b", "a.b.c", "b", "c"):
        topics.put(name, topics.Put())

    def pages(patterns, limit):
        after, found = None, []
        while True:
            page = topics.list_topics(patterns, after, limit)
            found.append([topic.name for topic in page.items])
            if (after := page.next) is None:
                return found

    assert pages(["b", "a.b*", "a.b.c", "a*", "a", "b"], 2) == [["a", "a.b"], ["a.b.c", "b"]]
    assert pages(["*", "b"], 3) == [["a", "a.b", "a.b.c"], ["b", "c", "default"]]


def test_a_search_finds_topics_by_any_part_of_their_name():
    for name in ("orders.eu", "orders.us", "backorders", "ORDER_1", "invoices"):
        topics.put(name, topics.Put())

    def names(search, patterns=("*",), after=None, limit=100):
        return [topic.name for topic in topics.list_topics([*patterns], after, limit, search).items]

    assert names("order") == names("oRDer") == ["ORDER_1", "backorders", "orders.eu", "orders.us"]
    assert names("orders.u") == ["orders.us"]
    assert names("r_") == ["ORDER_1"]
    assert names("r.1") == names("nothing") == []
    assert names("order", ["orders.*", "invoices"]) == ["orders.eu", "orders.us"]
    assert names("order", ["invoices"]) == []
    assert names("order", after="backorders") == ["orders.eu", "orders.us"]
    assert names("order", limit=1) == ["ORDER_1"]
    assert topics.list_topics(["*"], None, 4, "order").next is None
    assert topics.list_topics(["*"], None, 3, "order").next == "orders.eu"


def test_a_search_stops_after_ten_thousand_names_and_goes_on_with_the_next_page(owner):
    owner.execute(
        "WITH made AS (INSERT INTO topics (name) SELECT 'a' || lpad(n::text, 5, '0') FROM generate_series(1, 10001) n"
        " RETURNING id) INSERT INTO topic_states (topic_id) SELECT id FROM made"
    )
    assert topics.list_topics(["*"], None, 10, "nothing") == ([], "a10000")
    assert topics.list_topics(["*"], "a10000", 10, "nothing") == ([], None)
    first, after = topics.list_topics(["*"], None, 10, "00001")
    assert ([topic.name for topic in first], after) == (["a00001"], "a10000")
    last, after = topics.list_topics(["*"], after, 10, "0001")
    assert ([topic.name for topic in last], after) == (["a10001"], None)
    assert len(topics.list_topics(["*"], None, 1000).items) == 1000


def test_a_topic_with_waiting_messages_is_not_deleted(orders):
    orders.publish("a")
    orders.consume()
    with pytest.raises(Conflict, match=r'messages wait in the topic "orders"; force=true'):
        topics.delete("orders", topics.Delete())
    assert len(orders.rows()) == 1


def test_a_topic_with_subscriptions_is_not_deleted(orders):
    orders.subscribe(URL)
    with pytest.raises(Conflict, match=r'the topic "orders" has subscriptions; force=true'):
        topics.delete("orders", topics.Delete())


def test_dead_letters_do_not_prevent_the_deletion_of_a_topic(orders):
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[leased.receipt])
    topics.delete("orders", topics.Delete())
    with pytest.raises(NotFound):
        topics.read("orders")


def test_a_forced_deletion_frees_the_name_at_once(orders):
    subscribed = orders.subscribe(URL)
    [message_id] = orders.publish("a")
    orders.broadcast()
    orders.publish("b")

    topics.delete("orders", topics.Delete(force=True))

    assert [topic.name for topic in topics.list_topics(["*"], None, 9).items] == ["default"]
    assert orders.publish("c")
    assert orders.contents(orders.consume()) == ["c"]
    assert topics.read("orders").last_seq == 0
    assert reading.list_subscriptions("orders", None, 9) == ([], None)
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)
    with pytest.raises(NotFound):
        orders.subscription(subscribed)


@pytest.mark.parametrize("force", [False, True])
def test_a_dry_run_counts_what_would_be_lost_and_deletes_nothing(orders, owner, force):
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    orders.publish("b", "c", "d")
    leased = orders.consume(2)
    orders.settle(reject=[leased[0].receipt])
    before = everything(owner)

    lost = topics.delete("orders", topics.Delete(force=force, dry_run=True))

    assert lost == topics.DeletedTopic(
        Waiting(2, exact=True, estimate=2, ready=1, leased=1, delayed=0), Dead(1, exact=True, estimate=1), 1, 1
    )
    assert everything(owner) == before


def test_a_dry_run_in_an_unknown_topic_is_not_found():
    with pytest.raises(NotFound):
        topics.delete("nowhere", topics.Delete(dry_run=True))


def test_a_receipt_of_a_deleted_topic_is_not_valid(orders):
    orders.publish("a")
    [leased] = orders.consume()
    topics.delete("orders", topics.Delete(force=True))
    with pytest.raises(NotFound):
        leases.ack("orders", leased.receipt)


def test_the_rows_of_a_deleted_topic_are_cleared_in_bounded_steps(orders, invoices, owner):
    for topic in (orders, invoices):
        for n in range(3):
            topic.subscribe(f"{URL}{n}")
        topic.publish(*range(5))
        topic.broadcast()
        topic.publish(*range(6))
        topic.settle(reject=[leased.receipt for leased in topic.consume(3)])
    owner.execute(
        """INSERT INTO kept_log SELECT * FROM log;
           INSERT INTO redeliveries (subscription_id, message_id, epoch, topic_id, seq, due_at, failures, reason)
           SELECT c.subscription_id, l.message_id, 1, l.topic_id, l.seq, now(), 1, '404' FROM cursors c, log l
            WHERE l.topic_id = c.topic_id AND l.seq = 1;
           INSERT INTO idempotency_keys (topic_id, token_id, key, fingerprint, ids, expires_at)
           SELECT s.topic_id, gen_random_uuid(), 'k', '', '{}', now() FROM subscriptions s;
           INSERT INTO batch_windows (topic_id, ends_at)
           SELECT t.id, now() + n * interval '1 ms' FROM topics t, generate_series(1, 3) n WHERE t.name <> 'default'"""
    )
    one_topic = {"queue": 6, "kept_log": 5, **dict.fromkeys(set(TABLES) - {"queue", "kept_log"}, 3)}
    assert count_rows(owner) == {table: 2 * rows for table, rows in one_topic.items()}
    topics.delete("orders", topics.Delete(force=True))

    steps = []
    while cleared := owner.execute("SELECT broker.clear_deleted_topics(2)").fetchone()[0]:
        steps.append(cleared)

    assert sum(steps) == sum(one_topic.values()) - one_topic["cursors"]  # each goes with its subscription
    assert max(steps) == 2
    assert count_rows(owner) == one_topic
    assert owner.execute("SELECT name FROM topics ORDER BY id").fetchall() == [("default",), ("invoices",)]
    assert owner.execute("SELECT count(*) FROM topic_states").fetchone() == (2,)
    assert topics.read("invoices").queue.waiting == 3


def test_maintain_clears_the_rows_of_deleted_topics(orders, invoices, owner):
    for topic in (orders, invoices):
        topic.publish(*range(5))
        topics.delete(topic.name, topics.Delete(force=True))
    assert sum(maintenance.maintain().cleared.values()) == 10
    assert sum(maintenance.maintain().cleared.values()) == 0
    assert count_rows(owner)["queue"] == 0


def test_clearing_a_few_rows_deletes_those_that_it_has_locked(orders, owner):
    first, second, _ = orders.publish("a", "b", "c")
    owner.execute("UPDATE queue SET ready_at = ready_at WHERE message_id = %s", [first])  # now the last on its page
    topics.delete("orders", topics.Delete(force=True))
    with owner.transaction():
        owner.execute("UPDATE queue SET ready_at = ready_at WHERE message_id = %s", [second])
        with psycopg.connect(owner.info.dsn, password=owner.info.password, autocommit=True) as other:
            assert other.execute("SELECT broker.clear_deleted_topics(1)").fetchone() == (1,)
    assert len(orders.rows()) == 2
    assert first not in orders.rows()
