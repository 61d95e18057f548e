"""Dead letters end after the dead_days of their topic: those of its queue, and those of its subscriptions."""

from datetime import UTC, datetime, timedelta

import pytest

from broker import topics
from broker.dispatch import planner
from broker.queue import browsing, dead_letters
from broker.schema import maintenance
from broker.webhooks import outcomes, transfer

URL = "http://127.0.0.1:8000/"


@pytest.fixture
def died(orders, owner):
    """Let dead letters of the queue die so many days ago: `died(1, 31)`. Returns their ids."""

    def died(*days):
        ids = orders.publish(*days)
        orders.settle(reject=[message.receipt for message in orders.consume(100)])
        for message_id, ago in zip(ids, days, strict=True):
            owner.execute(
                "UPDATE queue SET died_at = now() - make_interval(days => %s) WHERE message_id = %s", [ago, message_id]
            )
        return ids

    return died


@pytest.fixture
def subscribed(orders):
    return orders.subscribe(URL, retry_schedule=[])


@pytest.fixture
def refused(orders, owner, subscribed):
    """Let dead letters of the subscription die so many days ago. Returns their ids."""

    def refused(*days):
        ids = orders.publish(*days)
        orders.broadcast()
        response = transfer.Response(400, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
        while jobs := planner.plan(10):
            planner.plan(0, [outcomes.judge(job, response) for job in jobs])
            orders.end_waits()
        for message_id, ago in zip(ids, days, strict=True):
            owner.execute(
                "UPDATE redeliveries SET died_at = now() - make_interval(days => %s) WHERE message_id = %s",
                [ago, message_id],
            )
        return ids

    return refused


def left(subscribed=None):
    request = dead_letters.List(subscription=subscribed and subscribed.id)
    return [letter.id for letter in dead_letters.list_dead_letters("orders", request).items]


@pytest.mark.parametrize(("days", "ended"), [(30, 2), (7, 3), (50, 0), (365, 0), (None, 0)])
def test_dead_letters_of_a_queue_end_when_they_are_older_than_dead_days(orders, died, days, ended):
    ids = died(31, 40, 8, 1)
    topics.change("orders", topics.Patch(dead_days=days))  # it is a setting of those that are dead already too
    assert maintenance.maintain().ended == ended
    assert sorted(left()) == sorted({0: ids, 2: ids[2:], 3: ids[3:]}[ended])


@pytest.mark.parametrize(("days", "ended"), [(30, 2), (7, 3), (50, 0), (None, 0)])
def test_dead_letters_of_a_subscription_end_when_they_are_older_than_dead_days(
    orders, subscribed, refused, days, ended
):
    ids = refused(31, 40, 8, 1)
    topics.change("orders", topics.Patch(dead_days=days))
    assert maintenance.maintain().ended == ended
    assert sorted(left(subscribed)) == sorted({0: ids, 2: ids[2:], 3: ids[3:]}[ended])
    states = [browsing.trace("orders", each).deliveries[0].state for each in ids]
    assert states.count("deleted") == ended


def test_a_topic_keeps_its_dead_letters_for_30_days_unless_it_says_otherwise(orders, died):
    died(29)
    assert topics.read("orders").dead_days == 30
    assert maintenance.maintain().ended == 0


def test_what_waits_or_is_sent_again_does_not_end(orders, owner, subscribed):
    orders.publish("waits")
    owner.execute("UPDATE queue SET ready_at = now() - interval '100 days'")
    assert maintenance.maintain().ended == 0
    assert orders.contents(orders.consume()) == ["waits"]


def test_a_redriven_dead_letter_does_not_end(orders, died):
    [message_id] = died(40)
    dead_letters.redrive("orders", dead_letters.Redrive(ids=[message_id]))
    assert maintenance.maintain().ended == 0
    assert [message.id for message in orders.consume()] == [message_id]


def test_dead_letters_that_ended_are_logged_by_topic(orders, invoices, owner, died, refused, log_lines):
    died(40, 40)
    refused(50)
    invoices.publish("a")
    invoices.settle(reject=[message.receipt for message in invoices.consume()])
    owner.execute("UPDATE queue SET died_at = now() - interval '31 days'")

    assert maintenance.maintain().ended == 4

    lines = [(line["level"], line["topic"], line["messages"]) for line in log_lines() if "messages" in line]
    assert sorted(lines) == [("WARNING", "invoices", 1), ("WARNING", "orders", 3)]
    assert maintenance.maintain().ended == 0


@pytest.mark.parametrize("chunk", [1, 2])
def test_many_dead_letters_end_in_steps(orders, subscribed, died, refused, monkeypatch, chunk):
    monkeypatch.setattr(maintenance, "CLEARED_AT_ONCE", chunk)
    died(40, 41, 42)
    refused(40, 41, 42)
    assert maintenance.maintain().ended == 6
    assert (left(), left(subscribed)) == ([], [])
