"""Settling: how a lease ends, and which receipts are valid, gone or stale."""

import pytest

from broker import topics
from broker.errors import InvalidInput, NotFound, StaleReceipt
from broker.queue import leases

pytestmark = pytest.mark.verbs


@pytest.fixture
def leased(orders):
    """A message on its first lease."""
    orders.publish("a")
    [leased] = orders.consume()
    return leased


def lease_seconds_of(row):
    """The length of the lease, from the statement that wrote it."""
    return (row["ready_at"] - row["leased_at"]).total_seconds()


def test_ack_removes_the_message(orders, leased):
    assert orders.settle(ack=[leased.receipt]) == leases.Settled(1, 0, 0, 0, [], [])
    assert orders.rows() == {}


def test_release_makes_the_message_ready_at_once(orders, leased):
    assert orders.settle(release=[leased.receipt]) == leases.Settled(0, 1, 0, 0, [], [])
    [again] = orders.consume()
    assert (again.id, again.receives) == (leased.id, 2)


def test_release_with_a_delay_makes_the_message_ready_after_the_delay(orders, leased):
    orders.settle(release=[{"receipt": leased.receipt, "delay_seconds": 3600}])
    assert orders.consume() == []
    row = orders.rows()[leased.id]
    assert row["leased_at"] is None
    orders.end_leases()
    assert len(orders.consume()) == 1


def test_extend_lengthens_the_lease(orders, leased):
    receipt = {"receipt": leased.receipt, "lease_seconds": 86400}
    assert orders.settle(extend=[receipt]) == leases.Settled(0, 0, 1, 0, [], [])
    assert lease_seconds_of(orders.rows()[leased.id]) >= 86400
    assert orders.settle(ack=[leased.receipt]).acked == 1


def test_extend_defaults_to_the_lease_of_the_topic(orders, leased):
    topics.change("orders", topics.Patch(lease_seconds=500))
    orders.settle(extend=[leased.receipt])
    assert lease_seconds_of(orders.rows()[leased.id]) >= 500
    assert orders.consume() == []


def test_reject_makes_a_dead_letter_with_the_reason(orders, leased):
    receipt = {"receipt": leased.receipt, "reason": "no such customer"}
    assert orders.settle(reject=[receipt]) == leases.Settled(0, 0, 0, 1, [], [])
    row = orders.rows()[leased.id]
    assert row["died_at"] is not None
    assert row["reason"] == "no such customer"
    assert orders.consume() == []


def test_the_reason_of_a_reject_defaults_to_rejected(orders, leased):
    orders.settle(reject=[leased.receipt])
    assert orders.rows()[leased.id]["reason"] == "rejected"


def test_one_settle_ends_leases_in_all_four_ways(orders):
    orders.publish("a", "b", "c", "d", "e")
    a, b, c, d, _ = (message.receipt for message in orders.consume())
    settled = orders.settle(ack=[a], release=[b], extend=[c], reject=[{"receipt": d, "reason": "no"}])
    assert settled == leases.Settled(1, 1, 1, 1, [], [])
    assert orders.contents(orders.consume()) == ["b"]


@pytest.mark.parametrize("verb", ["ack", "release", "reject"])
def test_the_receipt_of_a_repeated_settle_counts_as_gone(orders, leased, verb):
    orders.settle(**{verb: [leased.receipt]})
    rows = orders.rows()
    assert orders.settle(**{verb: [leased.receipt]}) == leases.Settled(0, 0, 0, 0, [leased.receipt], [])
    assert orders.rows() == rows


@pytest.mark.parametrize("verb", ["ack", "release", "extend", "reject"])
def test_a_receipt_is_stale_after_another_consumer_leased_the_message(orders, leased, verb):
    orders.end_leases()
    orders.consume()
    rows = orders.rows()
    assert orders.settle(**{verb: [leased.receipt]}) == leases.Settled(0, 0, 0, 0, [], [leased.receipt])
    assert orders.rows() == rows


def test_settle_names_the_stale_receipt_and_settles_the_other(orders, leased):
    orders.end_leases()
    [fast] = orders.consume()

    settled = orders.settle(ack=[leased.receipt, fast.receipt])

    assert settled.stale == [leased.receipt]
    assert settled.acked == 1


def test_a_receipt_stays_stale_after_the_next_consumer_released_the_message(orders, leased):
    orders.end_leases()
    [fast] = orders.consume()
    orders.settle(release=[fast.receipt])
    assert orders.settle(ack=[leased.receipt]).stale == [leased.receipt]


def test_a_receipt_counts_as_gone_after_the_next_consumer_acked_the_message(orders, leased):
    orders.end_leases()
    [fast] = orders.consume()
    orders.settle(ack=[fast.receipt])
    assert orders.settle(ack=[leased.receipt]).gone == [leased.receipt]


@pytest.mark.parametrize("verb", ["ack", "release", "extend", "reject"])
def test_an_expired_lease_can_be_settled_before_another_consumer_leases_the_message(orders, leased, verb):
    orders.end_leases()
    settled = orders.settle(**{verb: [leased.receipt]})
    assert (settled.gone, settled.stale) == ([], [])


def test_a_receipt_of_a_lease_that_never_existed_counts_as_gone(orders, leased):
    future = f"{leased.id}.2"
    assert orders.settle(ack=[future]).gone == [future]
    assert len(orders.rows()) == 1


def test_a_receipt_of_a_broadcast_message_counts_as_gone(orders, leased):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.end_leases()
    orders.broadcast()
    assert orders.settle(ack=[leased.receipt]).gone == [leased.receipt]


@pytest.mark.parametrize(("verb", "left"), [("ack", 0), ("extend", 1)])
def test_the_last_receipt_of_an_exhausted_message_still_settles(orders, verb, left):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("a")
    [last] = orders.consume()
    orders.end_leases()
    assert orders.consume() == []  # the message becomes a dead letter here

    settled = orders.settle(**{verb: [last.receipt]})

    assert (settled.gone, settled.stale) == ([], [])
    assert [row["died_at"] for row in orders.rows().values()] == [None] * left


def test_release_after_the_last_receive_makes_a_dead_letter(orders):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("a")
    [last] = orders.consume()
    assert orders.settle(release=[last.receipt]).released == 1
    assert [row["reason"] for row in orders.rows().values()] == ["receives exhausted"]


@pytest.mark.parametrize("verbs", [("ack", "ack"), ("ack", "release"), ("extend", "reject")])
def test_the_same_receipt_twice_is_refused_and_nothing_changes(orders, leased, verbs):
    rows = orders.rows()
    first, second = verbs
    receipts = {first: [leased.receipt]}
    receipts.setdefault(second, []).append(leased.receipt)

    with pytest.raises(InvalidInput) as refused:
        orders.settle(**receipts)

    [fault] = refused.value.faults
    assert (fault.pointer, fault.detail) == (
        f"/{second}/{len(receipts[second]) - 1}",
        "receipt is listed more than once",
    )
    assert orders.rows() == rows


def test_a_receipt_of_another_topic_is_refused_and_nothing_changes(orders, invoices, leased):
    invoices.publish("b")
    [own] = invoices.consume()

    with pytest.raises(InvalidInput) as refused:
        invoices.settle(ack=[own.receipt], extend=[leased.receipt])

    [fault] = refused.value.faults
    assert (fault.pointer, fault.detail) == ("/extend/0", "receipt belongs to another topic")
    assert len(invoices.rows()) == 1
    assert orders.settle(ack=[leased.receipt]).acked == 1


def test_a_thousand_receipts_settle_at_once_and_no_more(orders):
    orders.fill(1000)
    receipts = [message.receipt for message in orders.consume(1000)]
    with pytest.raises(InvalidInput):
        orders.settle(ack=receipts, release=receipts[:1])
    assert orders.settle(ack=receipts).acked == 1000


def test_settle_in_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound):
        orders.settle(ack=[])


def test_ack_of_a_settled_message_does_nothing(orders, leased):
    leases.ack("orders", leased.receipt)
    leases.ack("orders", leased.receipt)


def test_ack_with_a_stale_receipt_is_refused(orders, leased):
    orders.end_leases()
    orders.consume()
    with pytest.raises(StaleReceipt):
        leases.ack("orders", leased.receipt)
