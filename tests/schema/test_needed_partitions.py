"""Partitions past the retention that stay, because more of their messages are needed than may be moved aside."""

import pytest

from broker.pubsub import subscriptions
from broker.schema import maintenance, removal
from tests.schema.conftest import OLD
from tests.support import partitions
from tests.support.topic import Topic

URL = "http://127.0.0.1:8000/"


@pytest.fixture
def orders(ring, make_older):
    """A topic in a database that has a partition for older messages."""
    return Topic("orders", ring)


def kept(done):
    return [(each.partition, each.reason) for each in done.kept]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_a_partition_stays_while_more_of_its_messages_are_needed_than_may_be_moved_aside(
    ring, orders, make_older, keep_at_most, log_lines, limit
):
    keep_at_most(limit)
    before = orders.publish("waiting", "delayed", "dead")
    orders.settle(reject=[orders.consume(1)[0].receipt], release=[{"receipt": orders.consume(1)[0].receipt}])
    make_older()

    done = maintenance.maintain()

    assert (done.removed, kept(done)) == ([], [(OLD, removal.NEEDED)])
    assert OLD in partitions.attached(ring)
    assert ring.execute("SELECT count(*) FROM messages").fetchone() == (len(before),)  # nothing was moved
    named = [(line["topic"], line.get("subscription")) for line in log_lines() if "topic" in line]
    assert {*named} == {("orders", None)}


def test_messages_that_a_subscription_has_not_got_may_keep_a_partition_too(
    ring, orders, make_older, keep_at_most, log_lines
):
    keep_at_most(2)
    subscribed = orders.subscribe(URL)
    orders.publish("a", "b", "c")
    orders.broadcast()
    make_older()

    assert kept(maintenance.maintain()) == [(OLD, removal.NEEDED)]

    [line] = [line for line in log_lines() if "topic" in line]
    assert line["level"] == "WARNING"
    assert (line["partition"], line["topic"], line["subscription"], line["messages"]) == (
        OLD, "orders", str(subscribed.id), 3
    )  # fmt: skip
    subscriptions.unsubscribe("orders", subscribed.id)
    assert maintenance.maintain().removed == [OLD]


def test_a_partition_leaves_when_few_enough_of_its_messages_are_needed(ring, orders, make_older, keep_at_most):
    keep_at_most(2)
    orders.publish("a", "b", "c")
    make_older()
    assert maintenance.maintain().removed == []
    orders.consume(1, auto_ack=True)
    assert maintenance.maintain().removed == [OLD]
    assert orders.contents(orders.consume()) == ["b", "c"]


def test_one_message_in_a_hundred_may_be_moved_aside_and_ten_thousand_of_any_partition(ring, orders):
    orders.publish("a")
    [name] = [name for name in partitions.attached(ring) if name != OLD][:1]
    may_keep = "SELECT may_keep(%s)"
    assert ring.execute(may_keep, [name]).fetchone() == (10_000,)
    ring.execute("UPDATE pg_class SET reltuples = 5000000 WHERE relname = %s", [f"messages_{name}"])
    assert ring.execute(may_keep, [name]).fetchone() == (50_000,)


@pytest.fixture
def many_broadcast(ring, orders, make_older):
    """10,000 messages in the log, of forty days ago; the only subscription has got all of them."""
    orders.subscribe(URL)
    orders.fill(1000)
    orders.broadcast()
    ring.execute(
        "INSERT INTO log SELECT topic_id, 1, n, first_uuid(now() + n * interval '1 ms'), now()"
        " FROM topic_states, generate_series(1001, 10000) n WHERE subscriptions = 1"
    )
    ring.execute("UPDATE topic_states SET last_seq = 10000 WHERE subscriptions = 1; UPDATE cursors SET cursor = 10000")
    make_older()
    ring.execute("VACUUM ANALYZE log, cursors")


@pytest.mark.parametrize(("cursor", "needed"), [(10_000, []), (9_997, [(3,)])])
def test_the_search_for_what_is_needed_begins_at_the_slowest_cursor(ring, many_broadcast, cursor, needed):
    ring.execute("UPDATE cursors SET cursor = %s", [cursor])
    counts = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s"
    with ring.transaction():
        before = ring.execute(counts, [f"log_{OLD}"]).fetchone()
        found = ring.execute("SELECT messages FROM count_survivors(%s)", [OLD]).fetchall()
        after = ring.execute(counts, [f"log_{OLD}"]).fetchone()
    assert found == needed
    assert after[0] == before[0]
    assert after[1] - before[1] <= 10
