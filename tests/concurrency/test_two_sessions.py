"""Two sessions use the same topic: whether the second one waits for the first, and what it sees then."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.pubsub import reading
from tests.support.sql_calls import BROADCAST, CONSUME, PUBLISH, SETTLE, SUBSCRIBE, query

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def ack(receipt):
    return f'{{"ack": ["{receipt}"]}}'


def test_two_consumers_get_different_messages_and_do_not_wait(orders, first, second):
    orders.publish("a", "b", "c")
    assert query(first, CONSUME, 2) == [("a",), ("b",)]
    assert query(second, CONSUME, 2) == [("c",)]
    first.rollback()
    assert query(second, CONSUME, 2) == [("a",), ("b",)]


def test_a_consumer_skips_a_message_in_an_open_settle(orders, first, second):
    orders.publish("a", "b")
    [leased] = orders.consume(1)
    orders.end_leases()
    query(first, SETTLE, ack(leased.receipt))
    assert query(second, CONSUME, 2) == [("b",)]
    first.commit()
    assert query(second, CONSUME, 2) == []


@pytest.mark.parametrize(("end", "result"), [("commit", "stale"), ("rollback", "acked")])
def test_a_settle_waits_for_a_consumer_that_takes_over_the_lease(orders, first, second, background, end, result):
    orders.publish("a")
    [leased] = orders.consume()
    orders.end_leases()
    query(first, CONSUME, 1)
    settling = background(second, SETTLE, ack(leased.receipt))

    getattr(first, end)()

    [(acked, gone, stale)] = settling.result()
    assert (acked, gone, stale) == ((0, [], [leased.receipt]) if result == "stale" else (1, [], []))


@pytest.mark.parametrize(("end", "result"), [("commit", "gone"), ("rollback", "acked")])
def test_a_settle_waits_for_another_settle_of_the_same_receipt(orders, first, second, background, end, result):
    orders.publish("a")
    [leased] = orders.consume()
    query(first, SETTLE, ack(leased.receipt))
    settling = background(second, SETTLE, ack(leased.receipt))

    getattr(first, end)()

    [(acked, gone, stale)] = settling.result()
    assert (acked, gone, stale) == ((0, [leased.receipt], []) if result == "gone" else (1, [], []))


def test_settles_of_the_same_receipts_in_opposite_order_do_not_deadlock(orders, session):
    orders.publish(*range(50))
    receipts = [message.receipt for message in orders.consume(50)]

    def extend(connection, order):
        receipts_to_extend = '{"extend": [' + ",".join(f'"{receipt}"' for receipt in order) + "]}"
        return sum(
            connection.execute("SELECT extended FROM broker.settle('orders', %s)", [receipts_to_extend]).fetchone()[0]
            for _ in range(40)
        )

    orderings = [receipts, receipts[::-1]] * 2
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(extend, [session() for _ in orderings], orderings)) == [40 * 50] * 4


@pytest.mark.parametrize(("end", "moved"), [("commit", (0, None, 2, 1)), ("rollback", (2, 1, 2, 1))])
def test_a_broadcast_waits_for_another_broadcast_of_the_topic(orders, first, second, background, end, moved):
    orders.subscribe(URL)
    orders.publish("a", "b")
    query(first, BROADCAST)
    broadcasting = background(second, BROADCAST)

    getattr(first, end)()

    assert broadcasting.result() == [moved]


def test_a_broadcast_that_waited_continues_the_log_without_a_gap(orders, first, second, background):
    orders.subscribe(URL)
    orders.publish("a", "b")
    query(first, BROADCAST)
    orders.publish("c")
    broadcasting = background(second, BROADCAST)
    first.commit()
    assert broadcasting.result() == [(1, 3, 3, 1)]


def test_a_subscription_made_during_a_broadcast_begins_after_it(orders, first, second, background):
    orders.subscribe(URL)
    orders.publish("a")
    query(first, BROADCAST)
    subscribing = background(second, SUBSCRIBE, URL + "late")
    first.commit()
    [(late, created)] = subscribing.result()
    orders.publish("b")
    orders.broadcast()
    assert created
    behind = {each.id: each.behind for each in reading.list_subscriptions("orders", None, 10).items}
    assert behind[late] == 1
    assert sorted(behind.values()) == [1, 2]


@pytest.mark.parametrize(("end", "moved"), [("commit", 1), ("rollback", 0)])
def test_a_broadcast_waits_for_an_open_subscribe(orders, first, second, background, end, moved):
    orders.publish("a")
    query(first, SUBSCRIBE, URL)
    broadcasting = background(second, BROADCAST)
    getattr(first, end)()
    assert broadcasting.result() == [(moved, moved or None, moved, moved)]


@pytest.mark.parametrize(("end", "moved"), [("commit", 0), ("rollback", 1)])
def test_a_broadcast_waits_for_an_open_unsubscribe(orders, first, second, background, end, moved):
    orders.publish("a")
    orders.subscribe(URL)
    query(first, "SELECT broker.unsubscribe('orders', NULL, %s)", URL)
    broadcasting = background(second, BROADCAST)
    getattr(first, end)()
    assert broadcasting.result() == [(moved, moved or None, moved, moved)]


def test_two_subscribes_of_the_same_url_get_the_same_subscription(first, second, background):
    query(first, SUBSCRIBE, URL)
    first.rollback()
    [(subscription_id, created)] = query(first, SUBSCRIBE, URL)
    subscribing = background(second, SUBSCRIBE, URL)
    first.commit()
    assert created
    assert subscribing.result() == [(subscription_id, False)]


def test_a_broadcast_skips_messages_in_an_open_consume(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a", "b", "c")
    query(first, CONSUME, 1)
    assert query(second, BROADCAST) == [(2, 1, 2, 1)]
    first.rollback()
    assert query(second, BROADCAST) == [(1, 3, 3, 1)]
    assert orders.log() == [(1, "b"), (2, "c"), (3, "a")]


def test_a_consumer_skips_messages_in_an_open_broadcast(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a")
    query(first, BROADCAST)
    orders.publish("b")
    assert query(second, CONSUME, 10) == [("b",)]
    first.rollback()
    assert query(second, CONSUME, 10) == [("a",)]


def test_a_message_committed_late_gets_the_next_seq(orders, first, second):
    orders.subscribe(URL)
    query(first, PUBLISH)
    orders.publish("a")
    assert query(second, BROADCAST) == [(1, 1, 1, 1)]
    first.commit()
    assert query(second, BROADCAST) == [(1, 2, 2, 1)]
    assert orders.log() == [(1, "a"), (2, "b")]


def test_a_publisher_does_not_wait_for_publish_consume_or_broadcast(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a")
    query(first, BROADCAST)
    query(first, CONSUME, 1)
    query(first, PUBLISH)
    assert query(second, PUBLISH)


def test_two_publishers_of_a_new_topic_share_it(orders, first, second, background):
    query(first, PUBLISH)
    publishing = background(second, PUBLISH)
    first.commit()
    publishing.result()
    assert orders.contents(orders.consume()) == ["b", "b"]
