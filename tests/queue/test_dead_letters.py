"""Dead letters: listed in the order in which they died, redriven with their ids, or deleted."""

from datetime import timedelta

import msgspec
import pytest

from broker import deadlines, json_input, topics
from broker.errors import InvalidInput, NotFound
from broker.queue import browsing, dead_letters

pytestmark = pytest.mark.verbs


def list_dead_letters(**filters):
    return dead_letters.list_dead_letters("orders", dead_letters.List(**filters))


def redrive(**request):
    return dead_letters.redrive("orders", dead_letters.Redrive(**request))


def delete(**filters):
    return dead_letters.delete("orders", dead_letters.Delete(**filters))


@pytest.fixture
def reject(orders):
    """Publish contents and reject each, one after the other; returns their receipts."""

    def reject(*contents, reason="broken"):
        receipts = []
        for content in contents:
            orders.publish(content)
            [leased] = orders.consume(1)
            orders.settle(reject=[{"receipt": leased.receipt, "reason": reason}])
            receipts.append(leased.receipt)
        return receipts

    return reject


def test_a_rejected_message_is_listed_with_its_reason(orders, reject):
    reject("a", reason="no such customer")
    orders.publish("alive")
    [dead_letter], end = list_dead_letters()
    assert (bytes(dead_letter.content), dead_letter.reason, dead_letter.receives, end) == (
        b'"a"',
        "no such customer",
        1,
        None,
    )
    assert dead_letter.died_at > dead_letter.created_at


def test_an_exhausted_message_is_listed(orders):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("a")
    orders.consume()
    orders.end_leases()
    assert orders.consume() == []
    [dead_letter], _ = list_dead_letters()
    assert dead_letter.reason == "receives exhausted"


def test_the_next_page_starts_where_the_last_one_ended(orders, reject):
    reject(*range(6))
    first, after = list_dead_letters(limit=3)
    rest, end = list_dead_letters(limit=3, after=after)
    assert orders.contents(first + rest) == list(range(6))
    assert end is None


def test_a_page_fits_a_lambda_response(reject):
    reject(*["x" * 250_000] * 23)
    first, after = list_dead_letters()
    rest, end = list_dead_letters(after=after)
    assert (len(first), len(rest), end) == (21, 2, None)


def test_dead_letters_can_be_filtered_by_reason_sender_key_and_time(orders, reject, owner):
    reject("a", reason="one")
    reject("b", reason="other")
    assert orders.contents(list_dead_letters(reason="other")[0]) == ["b"]
    assert orders.contents(list_dead_letters(sender="a test")[0]) == ["a", "b"]
    assert list_dead_letters(sender="nobody") == ([], None)
    assert list_dead_letters(key="k") == ([], None)
    [(first,), (second,)] = owner.execute("SELECT died_at FROM queue ORDER BY died_at").fetchall()
    assert orders.contents(list_dead_letters(since=second)[0]) == ["b"]
    assert orders.contents(list_dead_letters(until=second)[0]) == ["a"]
    assert list_dead_letters(until=first) == ([], None)


def test_a_redriven_message_keeps_its_id_and_its_receives(orders, reject):
    [receipt] = reject("a")
    assert redrive() == dead_letters.Redriven(1, 1, complete=True)
    assert list_dead_letters() == ([], None)
    [leased] = orders.consume()
    assert leased.receipt == receipt.removesuffix(".1") + ".2"
    assert orders.settle(ack=[receipt]).stale == [receipt]


def test_an_old_receipt_does_not_settle_a_redriven_message(orders, reject):
    [receipt] = reject("a")
    redrive()
    assert orders.settle(ack=[receipt]).gone == [receipt]
    assert len(orders.rows()) == 1


def test_a_redriven_message_can_be_received_as_often_again(orders):
    topics.put("orders", topics.Put(max_receives=2))
    orders.publish("a")
    for _ in range(2):
        orders.consume()
        orders.end_leases()
    assert orders.consume() == []
    redrive()
    for receives in (3, 4):
        assert [leased.receives for leased in orders.consume()] == [receives]
        orders.end_leases()
    assert orders.consume() == []
    assert len(list_dead_letters()[0]) == 1


def test_a_redriven_message_waits_for_the_delay(orders, reject):
    reject("a")
    redrive(delay_seconds=60)
    assert orders.consume() == []
    [waiting], _ = browsing.browse("orders", browsing.Browse())
    assert waiting.ready_at - waiting.created_at > timedelta(seconds=59)
    assert waiting.leased_at is None


def test_redrive_ignores_ids_that_are_not_dead_letters_of_the_topic(orders, invoices, reject):
    reject("a", "b")
    [alive] = orders.publish("alive")
    [foreign] = invoices.publish("b")
    first, _ = (dead_letter.id for dead_letter in list_dead_letters()[0])
    assert redrive(ids=[first, alive, foreign]) == dead_letters.Redriven(1, 1, complete=True)
    assert orders.contents(list_dead_letters()[0]) == ["b"]


def test_redrive_with_ids_and_a_filter_is_refused():
    with pytest.raises(msgspec.ValidationError, match="give either ids or a filter"):
        msgspec.convert({"ids": ["01a20ce4-07b0-7303-aece-1db29531985d"], "key": "k"}, dead_letters.Redrive)


def test_ids_with_a_filter_are_the_only_fault_beside_a_delay_written_as_a_decimal():
    body = b'{"ids": ["01a20ce4-07b0-7303-aece-1db29531985d"], "key": "k", "delay_seconds": 60.0}'
    with pytest.raises(InvalidInput) as refused:
        json_input.decode(body, dead_letters.Redrive)
    assert [fault.detail for fault in refused.value.faults] == ["give either ids or a filter"]


def test_a_dry_run_counts_and_changes_nothing(orders, reject):
    reject("a", "b", reason="one")
    reject("c", reason="other")
    before = orders.rows()
    assert redrive(reason="one", dry_run=True) == dead_letters.Redriven(2, 0, complete=True)
    assert delete(dry_run=True) == dead_letters.Deleted(3, 0, complete=True)
    assert orders.rows() == before


def test_a_deleted_dead_letter_cannot_be_traced(orders, reject):
    reject("a", reason="one")
    reject("b", reason="other")
    [a] = [dead_letter.id for dead_letter in list_dead_letters(reason="one")[0]]
    assert delete(reason="one") == dead_letters.Deleted(1, 1, complete=True)
    assert orders.contents(list_dead_letters()[0]) == ["b"]
    with pytest.raises(NotFound):
        browsing.trace("orders", a)


def test_one_redrive_can_move_more_than_ten_thousand_messages(orders, owner):
    orders.fill(10_001)
    owner.execute("UPDATE queue SET died_at = now(), reason = 'broken'")
    deadlines.begin(60)
    assert redrive() == dead_letters.Redriven(10_001, 10_001, complete=True)


def test_a_redrive_that_runs_out_of_time_is_not_complete(orders, owner):
    orders.fill(10_001)
    owner.execute("UPDATE queue SET died_at = now(), reason = 'broken'")
    deadlines.begin(11)  # less than a further step may take
    assert redrive() == dead_letters.Redriven(10_000, 10_000, complete=False)
    assert redrive() == dead_letters.Redriven(1, 1, complete=True)


@pytest.mark.parametrize("operation", [list_dead_letters, redrive, delete])
def test_an_unknown_topic_is_not_found(operation):
    with pytest.raises(NotFound):
        operation()


def test_a_topic_counts_its_dead_letters(reject):
    reject("a", "b")
    assert topics.read("orders").dead_letters == topics.Dead(2, exact=True, estimate=2)
    assert topics.read("orders").queue.waiting == 0
