"""Dead letters: listed in the order in which they died, given back with their ids, deleted for good."""

from datetime import timedelta

import msgspec
import pytest

from broker import deadlines, json_input, topics
from broker.errors import InvalidInput, NotFound
from broker.queue import browsing, dead_letters

pytestmark = pytest.mark.verbs


def listed(**wish):
    return dead_letters.list_dead_letters("orders", dead_letters.List(**wish))


def redrive(**wish):
    return dead_letters.redrive("orders", dead_letters.Redrive(**wish))


def delete(**wish):
    return dead_letters.delete("orders", dead_letters.Delete(**wish))


@pytest.fixture
def bury(orders):
    """Publish contents and reject each, one after the other; returns their receipts."""

    def bury(*contents, reason="broken"):
        receipts = []
        for content in contents:
            orders.publish(content)
            [leased] = orders.consume(1)
            orders.settle(reject=[{"receipt": leased.receipt, "reason": reason}])
            receipts.append(leased.receipt)
        return receipts

    return bury


def test_what_was_rejected_is_listed_with_its_reason(orders, bury):
    bury("a", reason="no such customer")
    orders.publish("alive")
    [letter], end = listed()
    assert (bytes(letter.content), letter.reason, letter.receives, end) == (b'"a"', "no such customer", 1, None)
    assert letter.died_at > letter.created_at


def test_what_is_out_of_receives_is_listed(orders):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("a")
    orders.consume()
    orders.end_leases()
    assert orders.consume() == []
    [letter], _ = listed()
    assert letter.reason == "receives exhausted"


def test_a_list_goes_on_where_it_stopped(orders, bury):
    bury(*range(6))
    first, after = listed(limit=3)
    rest, end = listed(limit=3, after=after)
    assert orders.contents(first + rest) == list(range(6))
    assert end is None


def test_a_list_stays_below_what_lambda_returns(bury):
    bury(*["x" * 250_000] * 23)
    first, after = listed()
    rest, end = listed(after=after)
    assert (len(first), len(rest), end) == (21, 2, None)


def test_a_list_can_look_for_a_reason_a_sender_a_key_and_a_time(orders, bury, owner):
    bury("a", reason="one")
    bury("b", reason="other")
    assert orders.contents(listed(reason="other")[0]) == ["b"]
    assert orders.contents(listed(sender="a test")[0]) == ["a", "b"]
    assert listed(sender="nobody") == ([], None)
    assert listed(key="k") == ([], None)
    [(first,), (second,)] = owner.execute("SELECT died_at FROM queue ORDER BY died_at").fetchall()
    assert orders.contents(listed(since=second)[0]) == ["b"]
    assert orders.contents(listed(until=second)[0]) == ["a"]
    assert listed(until=first) == ([], None)


def test_a_message_that_is_given_back_keeps_its_id_and_its_count(orders, bury):
    [receipt] = bury("a")
    assert redrive() == dead_letters.Redriven(1, 1, complete=True)
    assert listed() == ([], None)
    [leased] = orders.consume()
    assert leased.receipt == receipt.removesuffix(".1") + ".2"
    assert orders.settle(ack=[receipt]).stale == [receipt]


def test_an_old_receipt_does_not_settle_what_was_given_back(orders, bury):
    [receipt] = bury("a")
    redrive()
    assert orders.settle(ack=[receipt]).gone == [receipt]
    assert len(orders.rows()) == 1


def test_a_message_that_is_given_back_is_received_as_often_again(orders):
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
    assert len(listed()[0]) == 1


def test_a_message_is_given_back_after_a_delay(orders, bury):
    bury("a")
    redrive(delay_seconds=60)
    assert orders.consume() == []
    [waiting], _ = browsing.browse("orders", browsing.Browse())
    assert waiting.ready_at - waiting.created_at > timedelta(seconds=59)
    assert waiting.leased_at is None


def test_ids_that_are_no_dead_letters_of_the_topic_do_not_count(orders, invoices, bury):
    bury("a", "b")
    [alive] = orders.publish("alive")
    [foreign] = invoices.publish("b")
    first, _ = (letter.id for letter in listed()[0])
    assert redrive(ids=[first, alive, foreign]) == dead_letters.Redriven(1, 1, complete=True)
    assert orders.contents(listed()[0]) == ["b"]


def test_ids_and_a_filter_do_not_go_together():
    with pytest.raises(msgspec.ValidationError, match="give either ids or a filter"):
        msgspec.convert({"ids": ["01a20ce4-07b0-7303-aece-1db29531985d"], "key": "k"}, dead_letters.Redrive)


def test_that_ids_stand_alone_is_what_is_said_whatever_else_is_written_oddly():
    body = b'{"ids": ["01a20ce4-07b0-7303-aece-1db29531985d"], "key": "k", "delay_seconds": 60.0}'
    with pytest.raises(InvalidInput) as refused:
        json_input.decode(body, dead_letters.Redrive)
    assert [fault.detail for fault in refused.value.faults] == ["give either ids or a filter"]


def test_a_dry_run_counts_and_changes_nothing(orders, bury):
    bury("a", "b", reason="one")
    bury("c", reason="other")
    before = orders.rows()
    assert redrive(reason="one", dry_run=True) == dead_letters.Redriven(2, 0, complete=True)
    assert delete(dry_run=True) == dead_letters.Deleted(3, 0, complete=True)
    assert orders.rows() == before


def test_what_is_deleted_is_gone(orders, bury):
    bury("a", reason="one")
    bury("b", reason="other")
    [a] = [letter.id for letter in listed(reason="one")[0]]
    assert delete(reason="one") == dead_letters.Deleted(1, 1, complete=True)
    assert orders.contents(listed()[0]) == ["b"]
    with pytest.raises(NotFound):
        browsing.trace("orders", a)


def test_more_than_ten_thousand_are_given_back_in_several_steps(orders, owner):
    orders.fill(10_001)
    owner.execute("UPDATE queue SET died_at = now(), reason = 'broken'")
    deadlines.begin(60)
    assert redrive() == dead_letters.Redriven(10_001, 10_001, complete=True)


def test_what_does_not_fit_in_the_time_is_said_to_be_left(orders, owner):
    orders.fill(10_001)
    owner.execute("UPDATE queue SET died_at = now(), reason = 'broken'")
    deadlines.begin(11)  # less than a further step may take
    assert redrive() == dead_letters.Redriven(10_000, 10_000, complete=False)
    assert redrive() == dead_letters.Redriven(1, 1, complete=True)


@pytest.mark.parametrize("operation", [listed, redrive, delete])
def test_an_unknown_topic_is_not_found(operation):
    with pytest.raises(NotFound):
        operation()


def test_dead_letters_are_counted(bury):
    bury("a", "b")
    assert topics.read("orders").dead_letters == topics.Dead(2, exact=True, estimate=2)
    assert topics.read("orders").queue.waiting == 0
