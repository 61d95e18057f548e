"""Browse waiting messages, trace one message, cancel it."""

import uuid

import pytest

from broker import topics
from broker.errors import Conflict, NotFound
from broker.queue import browsing, leases
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs


def state(topic, message_id):
    return browsing.trace(topic.name, message_id).state


def test_a_message_waits_before_and_after_a_lease(orders):
    [message_id] = orders.publish("a")
    assert state(orders, message_id) == "waiting"
    orders.consume()
    assert state(orders, message_id) == "leased"
    orders.end_leases()
    assert state(orders, message_id) == "waiting"


def test_a_delayed_message_waits(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    orders.settle(release=[{"receipt": leased.receipt, "delay_seconds": 60}])
    traced = browsing.trace("orders", message_id)
    assert (traced.state, traced.leased_at, traced.receives) == ("waiting", None, 1)
    assert traced.ready_at > traced.created_at


def test_a_rejected_message_is_dead_and_has_the_reason(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[{"receipt": leased.receipt, "reason": "no such customer"}])
    traced = browsing.trace("orders", message_id)
    assert (traced.state, traced.reason) == ("dead", "no such customer")
    assert traced.died_at is not None


def test_an_acked_message_is_consumed(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    leases.ack("orders", leased.receipt)
    traced = browsing.trace("orders", message_id)
    assert (traced.state, bytes(traced.content), traced.ready_at, traced.seq) == ("consumed", b'"a"', None, None)


def test_a_broadcast_message_has_its_seq(orders):
    first, _ = orders.publish("a", "b")
    orders.subscribe("http://127.0.0.1:8000/")
    orders.broadcast()
    [third] = orders.publish("c")
    orders.broadcast()
    assert browsing.trace("orders", first).seq == 1
    assert browsing.trace("orders", third).seq == 3
    assert state(orders, third) == "broadcast"


def test_a_consumed_message_between_two_broadcast_messages_is_consumed(orders):
    orders.subscribe("http://127.0.0.1:8000/")
    _, taken, _ = orders.publish("a", "b", "c")
    [*_, leased] = orders.consume(2)
    leases.ack("orders", leased.receipt)
    orders.end_leases()
    orders.broadcast()
    assert state(orders, taken) == "consumed"


def test_a_message_is_found_in_its_own_topic_only(orders, invoices):
    [message_id] = orders.publish("a")
    invoices.publish("b")
    with pytest.raises(NotFound, match="no such message"):
        browsing.trace("invoices", message_id)
    with pytest.raises(NotFound, match="no such message"):
        browsing.trace("orders", uuid.uuid4())
    with pytest.raises(NotFound, match="no topic"):
        browsing.trace("unknown", message_id)


def test_browsing_leases_nothing(orders):
    orders.publish("a", "b")
    found, _ = browsing.browse("orders", browsing.Browse())
    assert orders.contents(found) == ["a", "b"]
    assert orders.contents(orders.consume()) == ["a", "b"]


def test_browsing_shows_leased_and_delayed_messages_in_the_order_of_ready_at(orders):
    orders.publish("a", "b", "c")
    leased, delayed = orders.consume(2)
    orders.settle(release=[{"receipt": delayed.receipt, "delay_seconds": 9}])
    found, _ = browsing.browse("orders", browsing.Browse())
    assert orders.contents(found) == ["c", "b", "a"]
    assert [each.receives for each in found] == [0, 1, 1]
    assert found[-1].ready_at == leased.lease_expires_at


def test_browsing_leaves_out_dead_letters(orders):
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[leased.receipt])
    assert browsing.browse("orders", browsing.Browse()) == ([], None)


def test_the_next_page_starts_where_the_last_one_ended(orders):
    orders.publish(*range(6))
    first, after = browsing.browse("orders", browsing.Browse(limit=3))
    rest, end = browsing.browse("orders", browsing.Browse(limit=3, after=after))
    assert orders.contents(first + rest) == list(range(6))
    assert end is None


def test_browsing_can_filter_by_sender_key_and_time(orders, owner):
    owner.execute(
        "SELECT FROM broker.publish_batch('orders', json_build_array("
        """'{"content": 1, "sender": "shop"}'::json, '{"content": 2, "sender": "till", "key": "k"}'::json,"""
        """'{"content": 3, "sender": "shop", "key": "k"}'::json))"""
    )

    def found(**filters):
        return orders.contents(browsing.browse("orders", browsing.Browse(**filters))[0])

    assert found(sender="shop") == [1, 3]
    assert found(key="k") == [2, 3]
    assert found(sender="shop", key="k", limit=1) == [3]
    assert found(sender="nobody") == []
    [created_at] = owner.execute("SELECT DISTINCT created_at FROM messages").fetchone()
    assert found(since=created_at) == [1, 2, 3]
    assert found(until=created_at) == []


def test_a_page_ends_after_ten_thousand_messages_that_do_not_match(orders):
    orders.fill(10_000)
    orders.publish("rare")
    nothing, after = browsing.browse("orders", browsing.Browse(sender="nobody"))
    assert nothing == []
    last, end = browsing.browse("orders", browsing.Browse(after=after))
    assert (orders.contents(last), end) == (["rare"], None)


def test_a_waiting_message_can_be_cancelled(orders):
    first, _ = orders.publish("a", "b")
    browsing.cancel("orders", first)
    assert orders.contents(orders.consume()) == ["b"]
    for unknown in (first, uuid.uuid4()):
        with pytest.raises(NotFound, match="no such message"):
            browsing.cancel("orders", unknown)
    with pytest.raises(NotFound, match="no such message"):
        browsing.trace("orders", first)


def test_a_leased_message_cannot_be_cancelled_until_its_lease_ends(orders):
    orders.publish("a")
    [leased] = orders.consume()
    with pytest.raises(Conflict, match="on lease"):
        browsing.cancel("orders", leased.id)
    orders.end_leases()
    browsing.cancel("orders", leased.id)
    assert orders.settle(ack=[leased.receipt]).gone == [leased.receipt]


def test_a_consumed_or_broadcast_message_cannot_be_cancelled(orders):
    orders.publish("a", "b")
    [consumed] = orders.consume(1, auto_ack=True)
    orders.subscribe("http://127.0.0.1:8000/")
    orders.broadcast()
    [(_, _)] = orders.log()
    for message_id in (consumed.id, *orders.logged()):
        with pytest.raises(Conflict, match="already consumed or broadcast"):
            browsing.cancel("orders", message_id)


def test_a_message_of_another_topic_cannot_be_cancelled(orders, invoices):
    [message_id] = invoices.publish("a")
    topics.put("orders", topics.Put())
    with pytest.raises(NotFound):
        browsing.cancel("orders", message_id)
    assert len(invoices.rows()) == 1


def test_a_page_fits_a_lambda_response(orders):
    for _ in range(15):
        orders.publish('"' * 100_000)
    found, after = browsing.browse("orders", browsing.Browse())
    assert len(found) == 13
    assert len(browsing.browse("orders", browsing.Browse(after=after))[0]) == 2


def test_browsing_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound):
        browsing.browse("orders", browsing.Browse())
    topics.put("orders", topics.Put())
    assert browsing.browse("orders", browsing.Browse()) == ([], None)


def delivery_states(topic, message_id):
    """The state of a message's delivery to each subscription, by the subscription's name."""
    return {each.name: each.state for each in browsing.trace(topic.name, message_id).deliveries}


def test_a_message_that_is_not_broadcast_has_no_deliveries(orders):
    [message_id] = orders.publish("a")
    assert browsing.trace("orders", message_id).deliveries is None


def test_a_broadcast_message_has_one_delivery_for_each_subscription(orders, endpoint):
    for name in ("ok", "refuses", "aborts", "unavailable", "gone", "paused"):
        subscribed = orders.subscribe(f"{endpoint.url}/{name}", name=name)
        if name == "paused":
            orders.change(subscribed, paused=True)
    endpoint.answer(400, path="/refuses")
    endpoint.answer(400, {"webhook-delivery": "abort-message"}, path="/aborts")
    endpoint.answer(503, path="/unavailable")
    endpoint.answer(410, path="/gone")
    first, second = orders.publish("a", "b")
    orders.broadcast()
    push()
    orders.subscribe(f"{endpoint.url}/late", name="late")

    expected = {
        "ok": "delivered",
        "refuses": "refused",
        "aborts": "dead",
        "unavailable": "due",
        "gone": "disabled",
        "paused": "paused",
    }
    assert delivery_states(orders, first) == delivery_states(orders, second) == expected
    deliveries = {each.name: each for each in browsing.trace("orders", second).deliveries}
    assert list(deliveries)[-1] == "ok"
    assert {name: each.attempt for name, each in deliveries.items()} == dict.fromkeys(expected, 1) | {"paused": None}
    assert {name: each.behind for name, each in deliveries.items() if each.behind is not None} == {
        "unavailable": 1,
        "gone": 1,
        "paused": 1,
    }
    assert {name for name, each in deliveries.items() if each.due_at} == {"unavailable", "refuses"}
    assert {name: each.reason for name, each in deliveries.items() if each.reason} == {
        "refuses": "status 400",
        "aborts": "the endpoint asked to abort",
        "unavailable": "status 503",
        "gone": "status 410",
    }


def test_a_delivery_shows_the_attempt_that_succeeded(orders, endpoint):
    orders.subscribe(endpoint.url)
    [message_id] = orders.publish("a")
    orders.broadcast()
    endpoint.answer(503, times=2)
    for _ in range(3):
        orders.end_waits()
        push()
    [delivery] = browsing.trace("orders", message_id).deliveries
    assert (delivery.state, delivery.attempt, delivery.due_at, delivery.reason) == ("delivered", 3, None, None)
