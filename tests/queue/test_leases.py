"""Leases: which consumer has a message, for how long, and what happens when it does not settle."""

import pytest

from broker import topics
from broker.errors import NotFound
from broker.queue import browsing, messages
from tests.support.topic import TOKEN_ID

pytestmark = pytest.mark.verbs


def test_messages_are_leased_oldest_first(orders):
    orders.publish("a", "b", "c")
    assert orders.contents(orders.consume(2)) == ["a", "b"]
    assert orders.contents(orders.consume(2)) == ["c"]
    assert orders.consume() == []


def test_a_leased_message_has_all_published_fields(orders):
    document = '[{"content": {"n": 1}, "sender": "shop", "key": "k", "attributes": {"kind": "new"}}, {"content": null}]'
    ids = messages.publish("orders", messages.Publication(document, many=True), "a token", TOKEN_ID).ids

    first, second = orders.consume()

    assert [first.id, second.id] == ids
    assert (bytes(first.content), first.sender, first.key) == (b'{"n": 1}', "shop", "k")
    assert bytes(first.attributes) == b'{"kind": "new"}'
    assert (bytes(second.content), second.sender, second.key, second.attributes) == (b"null", "a token", None, None)
    assert first.created_at == second.created_at
    assert first.created_at.utcoffset().total_seconds() == 0


def test_consume_of_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound, match='no topic "orders"'):
        orders.consume()


def test_consume_takes_from_its_own_topic_only(orders, invoices):
    orders.publish("a")
    invoices.publish("b")
    assert orders.contents(invoices.consume()) == ["b"]


def test_a_leased_message_is_not_leased_again(orders):
    orders.publish("a")
    assert len(orders.consume()) == 1
    assert orders.consume() == []


def test_a_message_returns_when_its_lease_ends(orders):
    orders.publish("a")
    [first] = orders.consume()
    orders.end_leases()

    [again] = orders.consume()

    assert again.id == first.id
    assert (first.receives, again.receives) == (1, 2)
    assert again.receipt != first.receipt
    assert orders.rows()[first.id]["reason"] is None


def test_a_receipt_is_the_message_id_and_its_receives(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    assert leased.receipt == f"{message_id}.1"


def test_a_lease_lasts_as_long_as_its_topic_says(orders):
    topics.put("orders", topics.Put(lease_seconds=77))
    orders.publish("a")
    [leased] = orders.consume()
    [row] = orders.rows().values()
    assert leased.lease_expires_at == row["ready_at"]
    assert (row["ready_at"] - row["leased_at"]).total_seconds() == 77


def test_a_lease_lasts_as_long_as_the_consumer_asks(orders):
    orders.publish("a")
    orders.consume(lease_seconds=86400)
    [row] = orders.rows().values()
    assert (row["ready_at"] - row["leased_at"]).total_seconds() == 86400


def test_auto_ack_removes_the_message_at_once(orders):
    [message_id] = orders.publish("a")
    [taken] = orders.consume(auto_ack=True)
    assert (taken.receipt, taken.lease_expires_at, taken.receives) == (None, None, 1)
    assert orders.rows() == {}
    assert browsing.trace("orders", message_id).state == "consumed"


def test_auto_ack_leaves_leased_messages(orders):
    orders.publish("a", "b")
    orders.consume(1)
    assert orders.contents(orders.consume(auto_ack=True)) == ["b"]
    assert len(orders.rows()) == 1


def test_an_exhausted_message_becomes_a_dead_letter_at_the_next_consume(orders):
    topics.put("orders", topics.Put(max_receives=2))
    [message_id] = orders.publish("a")
    for receives in (1, 2):
        [leased] = orders.consume()
        assert leased.receives == receives
        orders.end_leases()
    assert orders.rows()[message_id]["died_at"] is None

    assert orders.consume() == []

    row = orders.rows()[message_id]
    assert row["died_at"] is not None
    assert (row["reason"], row["receives"]) == ("receives exhausted", 2)
    orders.end_leases()
    assert orders.consume() == []


def test_an_exhausted_message_becomes_a_dead_letter_with_auto_ack_too(orders):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("a")
    orders.consume()
    orders.end_leases()
    assert orders.consume(auto_ack=True) == []
    assert [row["reason"] for row in orders.rows().values()] == ["receives exhausted"]


def test_one_consume_finds_ready_messages_behind_thousands_of_exhausted_ones(orders, owner):
    orders.fill(2_500)
    owner.execute("UPDATE queue SET receives = max_receives")
    owner.execute(
        "UPDATE queue SET receives = 0 WHERE message_id IN"
        " (SELECT id FROM messages WHERE content::text IN ('1500', '2500'))"
    )
    orders.publish("last")
    assert orders.contents(orders.consume()) == [1500, 2500, "last"]
    assert orders.consume() == []
    assert [row["reason"] for row in orders.rows().values()].count("receives exhausted") == 2_498


def test_a_message_without_max_receives_never_becomes_a_dead_letter(orders):
    topics.put("orders", topics.Put(max_receives=None))
    orders.publish("a")
    for receives in range(1, 13):
        [leased] = orders.consume()
        assert leased.receives == receives
        orders.end_leases()


def test_max_receives_defaults_to_ten(orders):
    orders.publish("a")
    for _ in range(10):
        assert len(orders.consume()) == 1
        orders.end_leases()
    assert orders.consume() == []


def test_a_message_keeps_the_max_receives_it_was_published_with(orders):
    orders.publish("a")
    topics.change("orders", topics.Patch(max_receives=1))
    orders.publish("b")
    assert [row["max_receives"] for row in orders.rows().values()] == [10, 1]


def test_exhausted_messages_do_not_hide_the_messages_behind_them(orders):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish(*range(5))
    orders.consume()
    orders.end_leases()
    orders.publish("b")

    assert orders.contents(orders.consume(2)) == ["b"]


def test_a_claim_takes_messages_from_between_exhausted_ones_until_it_is_full(orders, owner):
    orders.publish(*range(9))
    owner.execute(
        "UPDATE queue SET receives = 10 WHERE message_id IN (SELECT id FROM messages WHERE content::text::int % 2 = 0)"
    )
    assert orders.contents(orders.consume(4)) == [1, 3, 5, 7]
    assert sum(row["died_at"] is not None for row in orders.rows().values()) == 4


def test_the_time_of_the_first_lease_stays(orders):
    [message_id] = orders.publish("a")
    assert orders.rows()[message_id]["first_leased_at"] is None
    orders.consume()
    first = orders.rows()[message_id]
    assert first["first_leased_at"] == first["leased_at"] is not None
    orders.end_leases()
    [leased] = orders.consume()
    again = orders.rows()[message_id]
    assert again["leased_at"] > again["first_leased_at"] == first["first_leased_at"]
    orders.settle(release=[leased.receipt])
    assert orders.rows()[message_id]["first_leased_at"] == first["first_leased_at"]
