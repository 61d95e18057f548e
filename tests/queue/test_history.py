"""The history of a topic: what was published to it, whatever became of it."""

from uuid import UUID

import pytest

from broker import topics
from broker.errors import NotFound
from broker.queue import history

pytestmark = pytest.mark.verbs


def listed(**query):
    return history.list_history("orders", history.List(**query))


def test_each_message_is_listed_with_its_state_the_newest_first(orders, endpoint):
    orders.publish("waits", "is leased", "dies", "is broadcast", "is consumed")
    topics.put("orders", topics.Put())
    waiting, leased, dead, broadcast, consumed = orders.consume(5)
    orders.settle(
        reject=[{"receipt": dead.receipt, "reason": "no such order"}],
        ack=[consumed.receipt],
        release=[broadcast.receipt],
        extend=[leased.receipt],
    )
    orders.subscribe(endpoint.url)
    orders.broadcast()
    orders.settle(release=[waiting.receipt])

    found, after = listed()

    assert after is None
    assert orders.contents(found) == ["is consumed", "is broadcast", "dies", "is leased", "waits"]
    assert [(each.state, each.seq, each.reason) for each in found] == [
        ("consumed", None, None),
        ("broadcast", 1, None),
        ("dead", None, "no such order"),
        ("leased", None, None),
        ("waiting", None, None),
    ]


def test_other_topics_are_left_out(orders, invoices):
    orders.publish("a")
    invoices.publish("b")
    assert orders.contents(listed().items) == ["a"]
    with pytest.raises(NotFound):
        history.list_history("unknown", history.List())


def test_pages_follow_each_other_and_begin_before_any_id(orders):
    ids = orders.publish(*range(5))
    first, after = listed(limit=3)
    rest, end = listed(limit=3, after=UUID(after))
    assert (orders.contents(first), orders.contents(rest), end) == ([4, 3, 2], [1, 0], None)
    assert orders.contents(listed(after=ids[2]).items) == [1, 0]
    assert listed(after=UUID("01000000-0000-7000-8000-000000000000")) == ([], None)


def test_the_history_can_be_filtered_by_sender_and_key(orders, owner):
    owner.execute(
        "SELECT FROM broker.publish_batch('orders', json_build_array("
        """'{"content": 1, "sender": "shop"}'::json, '{"content": 2, "sender": "till", "key": "k"}'::json,"""
        """'{"content": 3, "sender": "shop", "key": "k"}'::json))"""
    )
    assert orders.contents(listed(sender="shop").items) == [3, 1]
    assert orders.contents(listed(key="k").items) == [3, 2]
    assert orders.contents(listed(sender="shop", key="k").items) == [3]
    assert listed(sender="nobody") == ([], None)


def test_a_page_ends_after_ten_thousand_messages_of_other_topics(orders, invoices):
    orders.publish("old")
    invoices.fill(10_000)
    nothing, after = listed()
    assert nothing == []
    assert orders.contents(listed(after=UUID(after)).items) == ["old"]


def test_a_page_fits_a_lambda_response(orders):
    for n in range(15):
        orders.publish(str(n) + '"' * 100_000)
    found, after = listed()
    rest, end = listed(after=UUID(after))
    assert (len(found), len(rest), end) == (13, 2, None)
    assert [content.strip('"') for content in orders.contents(rest)] == ["1", "0"]


def test_a_message_that_was_moved_aside_is_listed_once(orders, owner):
    orders.publish("a", "b")
    owner.execute("INSERT INTO kept_messages SELECT * FROM messages")
    assert orders.contents(listed().items) == ["b", "a"]
