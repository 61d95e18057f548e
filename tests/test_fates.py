"""What became of a message, and what waits: looked at without taking anything."""

import uuid

import pytest

from broker import leases, messages, topics
from broker.errors import NotFound


def fate(topic, message_id):
    return messages.read(topic.name, message_id).fate


def test_a_message_waits_until_it_is_leased_and_again_after(orders):
    [message_id] = orders.publish("a")
    assert fate(orders, message_id) == "waiting"
    orders.consume()
    assert fate(orders, message_id) == "leased"
    orders.end_leases()
    assert fate(orders, message_id) == "waiting"


def test_a_delayed_message_waits(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    orders.settle(release=[{"receipt": leased.receipt, "delay_seconds": 60}])
    traced = messages.read("orders", message_id)
    assert (traced.fate, traced.leased_at, traced.receives) == ("waiting", None, 1)
    assert traced.ready_at > traced.created_at


def test_a_rejected_message_is_dead_and_says_why(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[{"receipt": leased.receipt, "reason": "no such customer"}])
    traced = messages.read("orders", message_id)
    assert (traced.fate, traced.reason) == ("dead", "no such customer")
    assert traced.died_at is not None


def test_an_acked_message_is_consumed(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    leases.ack("orders", leased.receipt)
    traced = messages.read("orders", message_id)
    assert (traced.fate, bytes(traced.content), traced.ready_at, traced.seq) == ("consumed", b'"a"', None, None)


def test_a_broadcast_message_says_its_place_in_the_log(orders):
    first, _ = orders.publish("a", "b")
    orders.subscribe("http://127.0.0.1:8000/")
    orders.broadcast()
    [third] = orders.publish("c")
    orders.broadcast()
    assert messages.read("orders", first).seq == 1
    assert messages.read("orders", third).seq == 3
    assert fate(orders, third) == "broadcast"


def test_a_consumed_message_between_broadcast_ones_is_consumed(orders):
    orders.subscribe("http://127.0.0.1:8000/")
    _, taken, _ = orders.publish("a", "b", "c")
    [*_, leased] = orders.consume(2)
    leases.ack("orders", leased.receipt)
    orders.end_leases()
    orders.broadcast()
    assert fate(orders, taken) == "consumed"


def test_a_message_is_read_in_its_own_topic_only(orders, invoices):
    [message_id] = orders.publish("a")
    invoices.publish("b")
    with pytest.raises(NotFound, match="no such message"):
        messages.read("invoices", message_id)
    with pytest.raises(NotFound, match="no such message"):
        messages.read("orders", uuid.uuid4())
    with pytest.raises(NotFound, match="no topic"):
        messages.read("unknown", message_id)


def test_browsing_takes_nothing(orders):
    orders.publish("a", "b")
    found, _ = messages.browse("orders", messages.Browse())
    assert orders.contents(found) == ["a", "b"]
    assert orders.contents(orders.consume()) == ["a", "b"]


def test_browsing_shows_leased_and_delayed_messages_in_the_order_of_their_turn(orders):
    orders.publish("a", "b", "c")
    leased, delayed = orders.consume(2)
    orders.settle(release=[{"receipt": delayed.receipt, "delay_seconds": 9}])
    found, _ = messages.browse("orders", messages.Browse())
    assert orders.contents(found) == ["c", "b", "a"]
    assert [each.receives for each in found] == [0, 1, 1]
    assert found[-1].ready_at == leased.lease_expires_at


def test_browsing_leaves_out_the_dead(orders):
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[leased.receipt])
    assert messages.browse("orders", messages.Browse()) == ([], None)


def test_browsing_goes_on_where_it_stopped(orders):
    orders.publish(*range(7))
    seen, after = [], None
    while page := messages.browse("orders", messages.Browse(limit=3, after=after))[0]:
        after = messages.browse("orders", messages.Browse(limit=3, after=after))[1]
        seen += orders.contents(page)
    assert seen == list(range(7))


def test_browsing_stays_below_what_lambda_returns(orders):
    for _ in range(15):
        orders.publish('"' * 100_000)
    found, after = messages.browse("orders", messages.Browse())
    assert len(found) == 13
    assert len(messages.browse("orders", messages.Browse(after=after))[0]) == 2


def test_browsing_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound):
        messages.browse("orders", messages.Browse())
    topics.put("orders", topics.Put())
    assert messages.browse("orders", messages.Browse()) == ([], None)
