"""Survivors: what is still needed of a partition past the retention is moved aside, and goes on as before."""

from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest

from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import attempts, resends
from broker.queue import browsing, dead_letters, messages
from broker.schema import maintenance
from broker.webhooks import outcomes, transfer
from tests.schema.conftest import OLD
from tests.support import partitions, webhook_ids
from tests.support.topic import TOKEN_ID, Topic

URL = "http://127.0.0.1:8000/"
MESSAGE = '[{"content": {"a":  1.50}, "sender": "shop", "key": "k", "attributes": {"kind": "new"}}]'


@pytest.fixture
def orders(ring, make_older):
    """A topic in a database that has a partition for older messages."""
    return Topic("orders", ring)


@pytest.fixture
def subscribed(orders):
    return orders.subscribe(URL)


@pytest.fixture
def refused(orders, subscribed):
    """A message that the subscription has refused, which is sent again on its own."""
    orders.publish("a")
    orders.broadcast()
    answer(*planner.plan(10), status=400)
    orders.end_waits()


@pytest.fixture
def dead(orders, subscribed, refused):
    """A message that is a dead letter of the subscription."""
    orders.change(subscribed, retry_schedule=[])
    [again] = planner.plan(10)
    answer(again, status=400)
    assert orders.subscription(subscribed).dead_letters == 1


def answer(*jobs, status=200):
    response = transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    planner.plan(0, [outcomes.judge(job, response) for job in jobs])


def the_message(ring):
    """The only message that is left, and that it was moved aside."""
    [(message_id,)] = ring.execute("SELECT id FROM contents").fetchall()
    assert ring.execute("SELECT FROM kept_messages WHERE id = %s", [message_id]).fetchall()
    return message_id


def test_a_waiting_message_keeps_all_that_was_published(ring, orders, make_older):
    messages.publish("orders", messages.Publication(MESSAGE, many=True), "a test", TOKEN_ID)
    make_older()
    [before] = browsing.browse("orders", browsing.Browse()).items

    assert maintenance.maintain().removed == [OLD]

    assert the_message(ring) == before.id
    assert browsing.browse("orders", browsing.Browse()).items == [before]
    [leased] = orders.consume()
    assert (leased.id, bytes(leased.content), leased.sender, leased.key, bytes(leased.attributes or b"")) == (
        before.id, b'{"a":  1.50}', "shop", "k", b'{"kind": "new"}'
    )  # fmt: skip
    assert leased.created_at == before.created_at


def test_a_delayed_message_is_ready_when_its_delay_ends(ring, orders, remove_old):
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(release=[{"receipt": leased.receipt, "delay_seconds": 3600}])
    remove_old()
    assert browsing.trace("orders", the_message(ring)).state == "waiting"
    assert orders.consume() == []
    orders.end_leases()
    assert orders.contents(orders.consume()) == ["a"]


@pytest.mark.parametrize("verb", ["ack", "extend", "release", "reject"])
def test_a_leased_message_is_settled_by_its_receipt(ring, orders, remove_old, verb):
    orders.publish("a")
    [leased] = orders.consume()
    remove_old()
    message_id = the_message(ring)
    assert browsing.trace("orders", message_id).state == "leased"

    settled = orders.settle(**{verb: [f"{message_id}.{leased.receives}"]})

    assert (settled.acked + settled.extended + settled.released + settled.rejected, settled.stale) == (1, [])
    state = {"ack": "consumed", "extend": "leased", "release": "waiting", "reject": "dead"}[verb]
    assert browsing.trace("orders", message_id).state == state


def test_a_message_is_cancelled_with_its_content(ring, orders, remove_old):
    orders.publish("a")
    remove_old()
    message_id = the_message(ring)
    browsing.cancel("orders", message_id)
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)


@pytest.fixture
def rejected(orders):
    """A dead letter of the queue."""
    orders.publish("a")
    orders.settle(reject=[{"receipt": orders.consume()[0].receipt, "reason": "broken"}])


def test_a_dead_letter_is_listed_and_redriven(ring, orders, rejected, remove_old):
    remove_old()
    [listed] = dead_letters.list_dead_letters("orders", dead_letters.List(reason="broken")).items
    assert (listed.id, bytes(listed.content)) == (the_message(ring), b'"a"')
    assert dead_letters.redrive("orders", dead_letters.Redrive(ids=[listed.id])).redriven == 1
    assert orders.contents(orders.consume()) == ["a"]


def test_a_dead_letter_is_deleted_with_its_content(ring, rejected, remove_old):
    remove_old()
    message_id = the_message(ring)
    assert dead_letters.delete("orders", dead_letters.Delete()).deleted == 1
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)


def test_a_message_that_was_moved_aside_is_broadcast_and_delivered(ring, orders, subscribed, remove_old):
    orders.publish("a")
    remove_old()
    message_id = the_message(ring)
    orders.publish("today")

    assert orders.broadcast().messages == 2
    maintenance.maintain()

    assert [content for _, content in orders.log()] == ["a", "today"]
    assert browsing.trace("orders", message_id).deliveries[0].state == "due"
    [job] = planner.plan(10)
    assert job.webhook_id == webhook_ids.batch(subscribed.id, *orders.logged())
    assert '"content":"a"' in job.body
    answer(job)
    assert browsing.trace("orders", message_id).deliveries[0].state == "delivered"


@pytest.mark.parametrize("paused", [False, True])
def test_what_a_subscription_has_not_received_is_delivered(ring, orders, subscribed, make_older, paused):
    orders.change(subscribed, paused=paused, backlog_days=365)
    orders.publish("a", "b")
    orders.broadcast()
    make_older()
    before = orders.logged()

    assert maintenance.maintain().removed == [OLD]

    assert (orders.logged(), orders.subscription(subscribed).behind) == (before, 2)
    orders.change(subscribed, paused=False)
    [job] = planner.plan(10)
    assert (job.webhook_id, job.first_seq, job.last_seq) == (webhook_ids.batch(subscribed.id, *before), 1, 2)
    answer(job)
    assert orders.subscription(subscribed).behind == 0
    assert planner.plan(10) == []


def test_only_what_the_slowest_subscription_has_not_got_is_moved_aside(ring, orders, subscribed, remove_old):
    orders.publish("a")
    orders.broadcast()
    answer(*planner.plan(10))
    slow = orders.subscribe(f"{URL}slow")
    orders.publish("b")
    orders.broadcast()
    answer(*(job for job in planner.plan(10) if job.subscription_id == subscribed.id))

    remove_old()

    assert orders.log() == [(2, "b")]
    orders.end_waits()
    [job] = planner.plan(10)
    assert (job.subscription_id, job.first_seq, job.last_seq) == (slow.id, 2, 2)


def test_a_refused_message_is_sent_again(ring, orders, subscribed, refused, remove_old):
    remove_old()
    message_id = the_message(ring)
    assert browsing.trace("orders", message_id).deliveries[0].state == "refused"
    [job] = planner.plan(10)
    assert (job.redelivery, job.webhook_id) == (message_id, webhook_ids.redelivery(subscribed.id, message_id))
    assert '"content":"a"' in job.body
    answer(job)
    assert browsing.trace("orders", message_id).deliveries[0].state == "delivered"


def resend(message_id, subscribed):
    return resends.resend("orders", message_id, resends.Resend(subscribed.id))


def test_a_message_that_waits_to_be_sent_once_more_is_sent(ring, orders, subscribed, remove_old):
    [message_id] = orders.publish("a")
    orders.broadcast()
    answer(*planner.plan(10))
    resend(message_id, subscribed)

    remove_old()

    message_id = the_message(ring)
    [job] = planner.plan(10)
    assert (job.redelivery, '"content":"a"' in job.body) == (message_id, True)
    answer(job)
    maintenance.maintain()
    with pytest.raises(NotFound):
        resend(message_id, subscribed)


def test_a_message_that_was_moved_aside_is_sent_once_more(ring, orders, subscribed, dead, remove_old):
    other = orders.subscribe(f"{URL}other")
    remove_old()
    message_id = the_message(ring)
    for each in (subscribed, other):
        resend(message_id, each)
        [job] = planner.plan(10)
        assert (job.subscription_id, job.redelivery, '"content":"a"' in job.body) == (each.id, message_id, True)
        answer(job)


def test_what_is_cleared_while_it_is_asked_for_once_more_leaves_nothing(
    ring, orders, subscribed, refused, remove_old, background
):
    remove_old()
    message_id = the_message(ring)
    answer(*planner.plan(10))
    connect = partial(psycopg.connect, ring.info.dsn, password=ring.info.password, options="-c search_path=broker")
    with connect() as resender, connect(autocommit=True) as maintainer:
        resender.execute("SELECT FROM resend('orders', %s, %s)", [message_id, subscribed.id])
        clearing = background(maintainer, "SELECT clear_kept(NULL, 100)")
        resender.commit()
        clearing.result()
    assert ring.execute("SELECT FROM contents UNION ALL SELECT FROM redeliveries").fetchall() == []
    assert planner.plan(10) == []


def test_a_dead_letter_of_a_subscription_is_listed_and_redriven(ring, orders, subscribed, dead, remove_old):
    remove_old()
    message_id = the_message(ring)
    assert browsing.trace("orders", message_id).deliveries[0].state == "dead"
    [listed] = dead_letters.list_dead_letters("orders", dead_letters.List(subscription=subscribed.id)).items
    assert (listed.id, bytes(listed.content)) == (message_id, b'"a"')
    redrive = dead_letters.Redrive(subscription=subscribed.id, ids=[message_id])
    assert dead_letters.redrive("orders", redrive).redriven == 1
    [job] = planner.plan(10)
    assert (job.redelivery, '"content":"a"' in job.body) == (message_id, True)


def test_a_dead_letter_of_a_subscription_that_is_deleted_is_not_shown_as_delivered(
    ring, orders, subscribed, dead, remove_old
):
    remove_old()
    message_id = the_message(ring)
    assert dead_letters.delete("orders", dead_letters.Delete(subscription=subscribed.id)).deleted == 1
    assert browsing.trace("orders", message_id).deliveries[0].state == "deleted"
    maintenance.maintain()
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)


def test_attempts_leave_with_their_partition_and_the_later_ones_stay(orders, subscribed, remove_old):
    orders.publish("a")
    orders.broadcast()
    answer(*planner.plan(10))
    remove_old()
    assert attempts.list_attempts("orders", subscribed.id, attempts.List()).items == []
    orders.publish("b")
    orders.broadcast()
    answer(*planner.plan(10))
    assert len(attempts.list_attempts("orders", subscribed.id, attempts.List()).items) == 1


def test_many_messages_are_moved_aside_in_steps(ring, orders, make_older, monkeypatch):
    monkeypatch.setattr("broker.schema.removal.KEPT_AT_ONCE", 3)
    orders.publish(*range(10))
    make_older()
    assert maintenance.maintain().removed == [OLD]
    assert orders.contents(orders.consume()) == [*range(10)]
    assert OLD not in partitions.tables(ring)
