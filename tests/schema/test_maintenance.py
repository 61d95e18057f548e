"""Maintenance: each task is done whatever becomes of the others, and what was moved aside is cleared in the end."""

import psycopg
import pytest

from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import reading, subscriptions
from broker.queue import browsing, dead_letters
from broker.schema import maintenance
from tests.schema.conftest import OLD
from tests.support import partitions
from tests.support.topic import Topic

URL = "http://127.0.0.1:8000/"


@pytest.fixture
def orders(ring, make_older):
    """A topic in a database that has a partition for older messages."""
    return Topic("orders", ring)


def kept(ring):
    """How many messages, entries of the log and redeliveries are kept past the retention."""
    counts = "SELECT (SELECT count(*) FROM kept_messages), (SELECT count(*) FROM kept_log)"
    return ring.execute(counts).fetchone()


def test_maintenance_goes_on_when_one_task_fails(ring, orders, make_older):
    orders.publish("a")
    orders.consume(auto_ack=True)
    make_older()
    ring.execute("ALTER FUNCTION expire_backlog() RENAME TO expire_backlog_hidden")
    ring.execute("ALTER FUNCTION end_dead_letters(integer) RENAME TO end_dead_letters_hidden")
    try:
        with pytest.raises(psycopg.errors.UndefinedFunction, match="expire_backlog"):
            maintenance.maintain()
    finally:
        ring.execute("ALTER FUNCTION expire_backlog_hidden() RENAME TO expire_backlog")
        ring.execute("ALTER FUNCTION end_dead_letters_hidden(integer) RENAME TO end_dead_letters")
    assert OLD not in partitions.attached(ring)


def consume(orders):
    orders.end_leases()
    orders.consume(auto_ack=True)


def cancel(orders):
    for message_id in orders.rows():
        browsing.cancel("orders", message_id)


def delete(orders):
    dead_letters.delete("orders", dead_letters.Delete())


@pytest.mark.parametrize("chunk", [1, 2, 10_000])
def test_what_waited_is_cleared_when_it_is_consumed(ring, orders, remove_old, monkeypatch, chunk):
    monkeypatch.setattr(maintenance, "CLEARED_AT_ONCE", chunk)
    ids = orders.publish("a", "b", "c")
    remove_old()
    consumed = [message.id for message in orders.consume(2, auto_ack=True)]
    maintenance.maintain()
    assert kept(ring) == (1, 0)
    with pytest.raises(NotFound):
        browsing.trace("orders", consumed[0])
    assert orders.contents(orders.consume(auto_ack=True)) == ["c"]
    maintenance.maintain()
    assert kept(ring) == (0, 0)
    assert len(ids) == 3


def test_what_waited_is_kept_until_the_last_subscription_has_got_it(ring, orders, remove_old):
    fast, slow = orders.subscribe(f"{URL}fast"), orders.subscribe(f"{URL}slow")
    orders.publish("a")
    remove_old()
    orders.broadcast()
    maintenance.maintain()
    assert kept(ring) == (1, 1)
    ring.execute("UPDATE cursors SET cursor = 1 WHERE subscription_id = %s", [fast.id])
    maintenance.maintain()
    assert kept(ring) == (1, 1)
    ring.execute("UPDATE cursors SET cursor = 1 WHERE subscription_id = %s", [slow.id])
    maintenance.maintain()
    assert kept(ring) == (0, 0)
    assert planner.plan(10) == []


def test_what_subscriptions_did_not_receive_is_cleared_when_the_last_one_is_deleted(ring, orders, remove_old):
    first, second = orders.subscribe(f"{URL}1"), orders.subscribe(f"{URL}2")
    orders.publish("a")
    orders.broadcast()
    remove_old()
    assert kept(ring) == (1, 1)
    subscriptions.unsubscribe("orders", first.id)
    maintenance.maintain()
    assert kept(ring) == (1, 1)
    subscriptions.unsubscribe("orders", second.id)
    maintenance.maintain()
    assert kept(ring) == (0, 0)


def test_a_dead_letter_of_a_queue_is_cleared_when_it_is_deleted(ring, orders, remove_old):
    orders.publish("a", "b")
    orders.settle(reject=[message.receipt for message in orders.consume()])
    remove_old()
    maintenance.maintain()
    assert kept(ring) == (2, 0)
    delete(orders)
    assert kept(ring) == (0, 0)


def test_a_dead_letter_that_ended_is_cleared(ring, orders, remove_old):
    orders.publish("a")
    orders.settle(reject=[message.receipt for message in orders.consume()])
    remove_old()
    ring.execute("UPDATE queue SET died_at = now() - interval '31 days'")
    assert maintenance.maintain().ended == 1
    assert kept(ring) == (0, 0)


def test_what_a_deleted_topic_kept_is_cleared(ring, orders, remove_old):
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    orders.publish("b")
    remove_old()
    assert kept(ring) == (2, 1)
    ring.execute("SELECT delete_topic('orders', true)")
    maintenance.maintain()
    assert kept(ring) == (0, 0)


def test_a_backlog_that_was_moved_aside_expires_after_backlog_days(ring, orders, make_older):
    """The spans of its time have left: backlog_days may be longer than the retention."""
    subscribed = orders.subscribe(URL, backlog_days=50)
    orders.change(subscribed, paused=True)
    orders.publish("a", "b")
    orders.broadcast()
    make_older()
    orders.publish("today")
    orders.broadcast()
    assert (maintenance.maintain().lost, kept(ring)) == (0, (2, 2))

    ring.execute("UPDATE kept_log SET broadcast_at = broadcast_at - interval '11 days'")

    assert (maintenance.maintain().lost, kept(ring)) == (1, (0, 0))
    after = orders.subscription(subscribed)
    assert (after.lost, after.cursor, after.behind) == (reading.Lost(1, 2), 2, 1)
    orders.change(subscribed, paused=False)
    assert [job.first_seq for job in planner.plan(10)] == [3]
