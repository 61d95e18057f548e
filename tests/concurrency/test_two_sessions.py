"""Two sessions at the point where they meet: who waits, who goes by, and what the second one sees."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.pubsub import subscriptions
from tests.support.sql_calls import BROADCAST, CONSUME, PUBLISH, SETTLE, SUBSCRIBE, ask

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def ack(receipt):
    return f'{{"ack": ["{receipt}"]}}'


def test_consumers_pass_each_other_by(orders, first, second):
    orders.publish("a", "b", "c")
    assert ask(first, CONSUME, 2) == [("a",), ("b",)]
    assert ask(second, CONSUME, 2) == [("c",)]
    first.rollback()
    assert ask(second, CONSUME, 2) == [("a",), ("b",)]


def test_a_consumer_passes_by_what_is_being_settled(orders, first, second):
    orders.publish("a", "b")
    [leased] = orders.consume(1)
    orders.end_leases()
    ask(first, SETTLE, ack(leased.receipt))
    assert ask(second, CONSUME, 2) == [("b",)]
    first.commit()
    assert ask(second, CONSUME, 2) == []


@pytest.mark.parametrize(("ends", "becomes"), [("commit", "stale"), ("rollback", "acked")])
def test_a_settle_waits_for_who_is_taking_over(orders, first, second, background, ends, becomes):
    orders.publish("a")
    [leased] = orders.consume()
    orders.end_leases()
    ask(first, CONSUME, 1)
    settling = background(second, SETTLE, ack(leased.receipt))

    getattr(first, ends)()

    [(acked, gone, stale)] = settling.result()
    assert (acked, gone, stale) == ((0, [], [leased.receipt]) if becomes == "stale" else (1, [], []))


@pytest.mark.parametrize(("ends", "becomes"), [("commit", "gone"), ("rollback", "acked")])
def test_a_settle_waits_for_another_of_the_same_receipt(orders, first, second, background, ends, becomes):
    orders.publish("a")
    [leased] = orders.consume()
    ask(first, SETTLE, ack(leased.receipt))
    settling = background(second, SETTLE, ack(leased.receipt))

    getattr(first, ends)()

    [(acked, gone, stale)] = settling.result()
    assert (acked, gone, stale) == ((0, [leased.receipt], []) if becomes == "gone" else (1, [], []))


def test_settles_in_opposite_order_do_not_deadlock(orders, session):
    orders.publish(*range(50))
    receipts = [message.receipt for message in orders.consume(50)]

    def extend(connection, order):
        wish = '{"extend": [' + ",".join(f'"{receipt}"' for receipt in order) + "]}"
        return sum(
            connection.execute("SELECT extended FROM broker.settle('orders', %s)", [wish]).fetchone()[0]
            for _ in range(40)
        )

    orderings = [receipts, receipts[::-1]] * 2
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(extend, [session() for _ in orderings], orderings)) == [40 * 50] * 4


@pytest.mark.parametrize(("ends", "moved"), [("commit", (0, None, 2, 1)), ("rollback", (2, 1, 2, 1))])
def test_a_broadcast_waits_for_another_of_the_topic(orders, first, second, background, ends, moved):
    orders.subscribe(URL)
    orders.publish("a", "b")
    ask(first, BROADCAST)
    broadcasting = background(second, BROADCAST)

    getattr(first, ends)()

    assert broadcasting.result() == [moved]


def test_broadcasts_one_after_the_other_leave_no_gap(orders, first, second, background):
    orders.subscribe(URL)
    orders.publish("a", "b")
    ask(first, BROADCAST)
    orders.publish("c")
    broadcasting = background(second, BROADCAST)
    first.commit()
    assert broadcasting.result() == [(1, 3, 3, 1)]


def test_who_subscribes_during_a_broadcast_sees_the_next(orders, first, second, background):
    orders.subscribe(URL)
    orders.publish("a")
    ask(first, BROADCAST)
    subscribing = background(second, SUBSCRIBE, URL + "late")
    first.commit()
    [(late, created)] = subscribing.result()
    orders.publish("b")
    orders.broadcast()
    assert created
    behind = {each.id: each.behind for each in subscriptions.list_subscriptions("orders", None, 10)}
    assert behind[late] == 1
    assert sorted(behind.values()) == [1, 2]


@pytest.mark.parametrize(("ends", "moved"), [("commit", 1), ("rollback", 0)])
def test_a_broadcast_waits_for_who_is_subscribing(orders, first, second, background, ends, moved):
    orders.publish("a")
    ask(first, SUBSCRIBE, URL)
    broadcasting = background(second, BROADCAST)
    getattr(first, ends)()
    assert broadcasting.result() == [(moved, moved or None, moved, moved)]


@pytest.mark.parametrize(("ends", "moved"), [("commit", 0), ("rollback", 1)])
def test_a_broadcast_waits_for_who_is_unsubscribing(orders, first, second, background, ends, moved):
    orders.publish("a")
    orders.subscribe(URL)
    ask(first, "SELECT broker.unsubscribe('orders', NULL, %s)", URL)
    broadcasting = background(second, BROADCAST)
    getattr(first, ends)()
    assert broadcasting.result() == [(moved, moved or None, moved, moved)]


def test_two_who_subscribe_the_same_are_given_the_same(first, second, background):
    ask(first, SUBSCRIBE, URL)
    first.rollback()
    [(made, created)] = ask(first, SUBSCRIBE, URL)
    subscribing = background(second, SUBSCRIBE, URL)
    first.commit()
    assert created
    assert subscribing.result() == [(made, False)]


def test_a_broadcast_passes_consumers_by(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a", "b", "c")
    ask(first, CONSUME, 1)
    assert ask(second, BROADCAST) == [(2, 1, 2, 1)]
    first.rollback()
    assert ask(second, BROADCAST) == [(1, 3, 3, 1)]
    assert orders.log() == [(1, "b"), (2, "c"), (3, "a")]


def test_a_consumer_passes_a_broadcast_by(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a")
    ask(first, BROADCAST)
    orders.publish("b")
    assert ask(second, CONSUME, 10) == [("b",)]
    first.rollback()
    assert ask(second, CONSUME, 10) == [("a",)]


def test_a_late_commit_is_skipped_by_no_cursor(orders, first, second):
    orders.subscribe(URL)
    ask(first, PUBLISH)
    orders.publish("a")
    assert ask(second, BROADCAST) == [(1, 1, 1, 1)]
    first.commit()
    assert ask(second, BROADCAST) == [(1, 2, 2, 1)]
    assert orders.log() == [(1, "a"), (2, "b")]


def test_a_publisher_waits_for_nobody_but_a_deletion(orders, first, second):
    orders.subscribe(URL)
    orders.publish("a")
    ask(first, BROADCAST)
    ask(first, CONSUME, 1)
    ask(first, PUBLISH)
    second.execute("SET lock_timeout = '1s'")
    assert ask(second, PUBLISH)


def test_two_publishers_of_a_new_topic_share_it(orders, first, second, background):
    ask(first, PUBLISH)
    publishing = background(second, PUBLISH)
    first.commit()
    publishing.result()
    assert orders.contents(orders.consume()) == ["b", "b"]
