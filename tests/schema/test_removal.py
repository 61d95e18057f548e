"""The removal of a partition past the retention: all its tables, in steps that may be interrupted and block nobody."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from broker import topics
from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import attempts
from broker.queue import browsing
from broker.schema import maintenance, removal
from broker.webhooks import outcomes, transfer
from tests.schema.conftest import OLD
from tests.support import partitions
from tests.support.topic import Topic

URL = "http://127.0.0.1:8000/"


@pytest.fixture
def orders(ring, make_older):
    """A topic in a database that has a partition for older messages."""
    return Topic("orders", ring)


@pytest.fixture
def late(ring, orders):
    """An open transaction that published a message forty days ago, which only its commit makes visible."""
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as late:
        late.execute("""SELECT publish('orders', '"late"')""")
        partitions.make_older(late, days=40, tables=("messages", "queue"))
        yield late


@pytest.fixture
def reader(ring):
    """An open transaction that has read all partitions."""
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        for table in partitions.RINGS:
            reader.execute(f"SELECT count(*) FROM {table}")
        yield reader


def kept(done):
    return [(each.partition, each.reason) for each in done.kept]


def stored(ring):
    """How many rows there are in each ring, and aside."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in (*partitions.RINGS, "kept_messages", "kept_log"))
    return ring.execute(f"SELECT {counts}").fetchone()


def test_a_partition_leaves_with_its_messages_log_spans_and_attempts(ring, orders, make_older):
    subscribed = orders.subscribe(URL)
    consumed, broadcast = orders.publish("a", "b")
    orders.settle(ack=[orders.consume(1)[0].receipt])
    orders.broadcast()
    response = transfer.Response(200, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    planner.plan(0, [outcomes.judge(job, response) for job in planner.plan(10)])
    assert stored(ring) == (2, 1, 1, 1, 0, 0)
    make_older()
    orders.publish("today")

    done = maintenance.maintain()

    assert (done.removed, done.kept) == ([OLD], [])
    assert OLD not in partitions.attached(ring)
    assert OLD not in partitions.tables(ring)
    assert stored(ring) == (1, 0, 0, 0, 0, 0)
    for message_id in (consumed, broadcast):
        with pytest.raises(NotFound):
            browsing.trace("orders", message_id)
    assert orders.contents(orders.consume()) == ["today"]
    assert attempts.list_attempts("orders", subscribed.id, attempts.List()).items == []
    assert maintenance.maintain().removed == []


def test_what_was_broadcast_since_stays_when_older_partitions_leave(ring, orders, make_older):
    orders.subscribe(URL)
    orders.publish("a", "b")
    orders.broadcast()
    ring.execute("UPDATE cursors SET cursor = 2")
    make_older()
    orders.publish("c")
    orders.broadcast()
    assert maintenance.maintain().removed == [OLD]
    assert orders.log() == [(3, "c")]
    assert ring.execute("SELECT first_seq FROM log_spans").fetchall() == [(3,)]
    assert topics.read("orders").behind == 1


def test_the_log_keeps_the_new_messages_of_a_broadcast_of_old_and_new_ones(ring, orders, make_older):
    orders.subscribe(URL)
    orders.publish("old")
    make_older()
    [new] = orders.publish("new")
    orders.broadcast()
    ring.execute("UPDATE cursors SET cursor = 2")
    assert maintenance.maintain().removed == [OLD]
    assert orders.log() == [(2, "new")]
    assert browsing.trace("orders", new).seq == 2


STEPS = {
    "it moved some aside": "SELECT keep_survivors(%s, 1)",
    "it moved all aside": "SELECT keep_survivors(%s, 100)",
    "it began": "SELECT begin_removal(%s)",
}


@pytest.mark.parametrize("step", [*STEPS, *range(5)])
@pytest.mark.parametrize("needed", [False, True], ids=["not needed", "needed"])
def test_a_removal_that_was_interrupted_after_any_step_goes_on_at_the_next_call(ring, orders, make_older, step, needed):
    """A number is how many of the four tables were detached. What is needed was not moved aside before."""
    orders.publish("a", "b", "done")
    make_older()
    for leased in orders.consume()[0 if needed is False else 2 :]:
        orders.settle(ack=[leased.receipt])
    orders.end_leases()
    if step in STEPS:
        ring.execute(STEPS[step], [OLD])
    else:
        partitions.detach(ring, OLD, partitions.RINGS[:step])

    done = maintenance.maintain()

    assert (done.removed, done.kept) == ([OLD], [])
    assert OLD not in partitions.tables(ring)
    assert orders.contents(orders.consume()) == (["a", "b"] if needed else [])


def test_a_removal_that_was_killed_is_undone_when_many_messages_are_needed(ring, orders, make_older):
    orders.fill(1000)
    make_older()
    partitions.detach(ring, OLD)
    assert kept(maintenance.maintain()) == [(OLD, "its messages were needed until now")]
    assert OLD in partitions.attached(ring)
    assert maintenance.maintain().removed == [OLD]
    assert len(orders.consume(1000)) == 1000


def test_a_partition_stays_while_a_transaction_that_published_into_it_is_open(orders, late):
    assert kept(maintenance.maintain()) == [(OLD, removal.BUSY)]
    late.commit()
    assert maintenance.maintain().removed == [OLD]
    assert orders.contents(orders.consume()) == ["late"]


@pytest.mark.parametrize("detached", range(4))
def test_a_publish_that_commits_late_into_a_partition_that_is_removed_is_not_lost(ring, orders, late, detached):
    """It was published after Maintain had asked what is needed. The DETACH waits for it, and is interrupted."""
    removed = [ring_ for ring_ in partitions.RINGS if ring_ != "messages"][:detached]
    partitions.detach(ring, OLD, tuple(removed))
    ring.execute("SET lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        ring.execute(f'ALTER TABLE messages DETACH PARTITION "messages_{OLD}" CONCURRENTLY')
    late.commit()
    assert orders.consume() == []  # while it is half detached nobody sees its content

    assert maintenance.maintain().removed == [OLD]

    orders.end_leases()
    assert orders.contents(orders.consume()) == ["late"]


def test_a_message_of_a_broadcast_that_commits_late_is_sent_again_after_its_partition_has_left(
    ring, orders, make_older
):
    """Maintain saw it wait, and moved its content aside. The commit added its entry to the partition."""
    subscribed = orders.subscribe(URL)
    orders.publish("a", "b")
    make_older()
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as late:
        late.execute("SELECT broadcast('orders')")
        assert ring.execute("SELECT keep_survivors(%s, 1000)", [OLD]).fetchone() == (2,)
    refused = transfer.Response(400, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    planner.plan(0, [outcomes.judge(job, refused) for job in planner.plan(10)])
    assert orders.subscription(subscribed).redeliveries == 2

    assert maintenance.maintain().removed == [OLD]

    orders.end_waits()
    [again] = planner.plan(10)
    assert '"content":"a"' in again.body
    assert stored(ring)[-2:] == (2, 2)


def test_all_entries_of_a_broadcast_that_commits_late_are_moved_aside_before_the_removal_begins(
    ring, orders, make_older
):
    orders.subscribe(URL)
    orders.fill(2500)
    make_older()
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as late:
        late.execute("SELECT broadcast('orders')")
        assert ring.execute("SELECT keep_survivors(%s, 3000)", [OLD]).fetchone() == (2500,)
    assert maintenance.maintain().removed == [OLD]
    assert stored(ring)[-2:] == (2500, 2500)


@pytest.mark.slow
def test_publishers_do_not_wait_when_a_long_transaction_blocks_the_removal(ring, orders, make_older, reader):
    orders.publish("needed")
    make_older()
    reader.execute("SELECT count(*) FROM messages")
    assert kept(maintenance.maintain()) == [(OLD, removal.BLOCKED)]
    orders.publish("b")
    assert orders.contents(orders.consume()) == ["needed", "b"]
    reader.rollback()
    assert maintenance.maintain().removed == [OLD]
    assert OLD not in partitions.tables(ring)


@pytest.fixture
def older_too(ring, make_older):
    """The name of another partition that is past the retention."""
    before = partitions.attached(ring)
    partitions.make(ring, "now() - interval '36 days'")
    [name] = set(partitions.attached(ring)) - set(before)
    return name


@pytest.mark.slow
def test_a_long_transaction_lets_all_partitions_stay_and_fails_nothing(older_too, reader):
    assert kept(maintenance.maintain()) == [(name, removal.BLOCKED) for name in (OLD, older_too)]
    reader.rollback()
    assert maintenance.maintain().removed == [OLD, older_too]


@pytest.mark.parametrize("table", partitions.RINGS)
def test_a_detach_that_somebody_else_left_pending_fails_nothing(ring, make_older, table):
    today = partitions.attached(ring)[-1]
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        reader.execute(f"SELECT count(*) FROM {table}")
        ring.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            ring.execute(f'ALTER TABLE {table} DETACH PARTITION "{table}_{today}" CONCURRENTLY')
    assert kept(maintenance.maintain()) == [(OLD, removal.BLOCKED)]


def test_a_partition_is_attached_again_when_the_clock_goes_back_to_its_time(ring, make_older):
    partitions.detach(ring, OLD)
    assert OLD not in partitions.attached(ring)
    assert partitions.make(ring, "now() - interval '41 days'") == 0
    assert OLD in partitions.attached(ring)


def test_a_partition_whose_removal_began_under_a_clock_that_was_ahead_is_attached_again(ring):
    partitions.drop_all(ring)
    partitions.make(ring, "now() - interval '10 days'")
    partitions.detach(ring, OLD)
    assert kept(maintenance.maintain()) == [(OLD, "its messages are within the retention")]
    assert OLD in partitions.attached(ring)
