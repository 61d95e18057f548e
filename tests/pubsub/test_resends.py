"""Resends: a message of the log is sent once more to one subscription, whatever became of it there."""

import json
from uuid import UUID

import msgspec
import pytest

from broker.dispatch import planner
from broker.errors import Conflict, NotFound
from broker.pubsub import attempts, resends
from broker.queue import browsing, dead_letters
from tests.support.outcomes import outcome
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs

ABORT = {"webhook-delivery": "abort-message"}
NOWHERE = UUID(int=1)


@pytest.fixture
def subscribed(orders, endpoint):
    """A subscription to which two messages were delivered together."""
    subscribed = orders.subscribe(endpoint.url)
    orders.publish("a", "b")
    orders.broadcast()
    push()
    return subscribed


@pytest.fixture
def message_id(orders, subscribed):
    """The first of these messages."""
    return orders.logged()[0]


def resend(message_id, subscribed, topic="orders"):
    return resends.resend(topic, message_id, resends.Resend(subscribed.id))


def sent(endpoint):
    """The webhook-id of each request, and its contents."""
    bodies = [(request.headers["webhook-id"], json.loads(request.body)) for request in endpoint.requests]
    return [(webhook_id, [each["content"] for each in body["messages"]]) for webhook_id, body in bodies]


def push_after_waits(orders, rounds=1):
    """Send what is due, so many times; before each, let all waits be over."""
    for _ in range(rounds):
        orders.end_waits()
        push()


def traced(topic, message_id):
    """The state of the message at its only subscription, with the reason."""
    [delivery] = browsing.trace(topic.name, message_id).deliveries
    return delivery.state, delivery.reason


def test_a_delivered_message_is_sent_once_more_alone_to_one_subscription(orders, endpoint, subscribed, message_id):
    orders.subscribe(f"{endpoint.url}/other")
    resent = resend(message_id, subscribed)
    assert (resent.seq, orders.subscription(subscribed).redeliveries) == (1, 1)
    assert push() == 1
    assert sent(endpoint)[1:] == [(resent.webhook_id, ["a"])]
    assert (orders.subscription(subscribed).redeliveries, orders.subscription(subscribed).cursor) == (0, 2)
    assert planner.next_due() is None


def test_its_body_says_that_somebody_asked_for_it(orders, endpoint, subscribed, message_id):
    resend(message_id, subscribed)
    push()
    first, again = (json.loads(request.body) for request in endpoint.requests)
    assert (again["resent"], "resent" in first) == (True, False)
    assert again["messages"] == first["messages"][:1]


def test_each_resend_has_a_webhook_id_of_its_own(orders, endpoint, subscribed, message_id):
    for _ in range(2):
        resend(message_id, subscribed)
        push()
    ids = {webhook_id for webhook_id, _ in sent(endpoint)}
    assert len(ids) == 3
    assert {each[:73] for each in ids} == {f"{subscribed.id}_1_{message_id}"[:73]}


def test_retries_of_a_resend_share_its_webhook_id(orders, endpoint, subscribed, message_id):
    resent = resend(message_id, subscribed)
    endpoint.answer(503, times=2)
    push()
    push_after_waits(orders, 2)
    assert sent(endpoint)[1:] == [(resent.webhook_id, ["a"])] * 3
    listed = attempts.list_attempts("orders", subscribed.id, attempts.List(seq=resent.seq)).items
    assert [(each.webhook_id == resent.webhook_id, each.attempt, each.status) for each in listed] == [
        (True, 3, 200),
        (True, 2, 503),
        (True, 1, 503),
        (False, 1, 200),
    ]


def test_a_resend_that_is_asked_for_twice_is_sent_once(orders, endpoint, subscribed, message_id):
    first = resend(message_id, subscribed)
    assert resend(message_id, subscribed) == first
    push()
    assert len(endpoint.requests) == 2


def test_a_refused_message_is_due_at_once_and_keeps_its_webhook_id_and_attempts(orders, endpoint, subscribed):
    endpoint.answer(400, times=2)
    orders.publish("c")
    orders.broadcast()
    push()
    push_after_waits(orders)
    assert push() == 0
    resent = resend(orders.logged()[2], subscribed)
    assert push() == 1
    *_, second, third = sent(endpoint)
    assert second == third == (resent.webhook_id, ["c"])
    assert resent.webhook_id.endswith("_again")
    [newest] = attempts.list_attempts("orders", subscribed.id, attempts.List(limit=1)).items
    assert newest.attempt == 3


def test_a_dead_letter_is_sent_with_all_its_attempts_and_another_webhook_id(orders, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    orders.publish("c")
    orders.broadcast()
    push()
    message_id = orders.logged()[2]
    assert orders.subscription(subscribed).dead_letters == 1
    resent = resend(message_id, subscribed)
    assert not resent.webhook_id.endswith("_again")
    endpoint.answer(503, times=1)
    push()
    after = orders.subscription(subscribed)
    assert (after.redeliveries, after.dead_letters) == (1, 0)
    push_after_waits(orders)
    assert sent(endpoint)[-2:] == [(resent.webhook_id, ["c"])] * 2
    assert traced(orders, message_id) == ("delivered", None)


def test_a_dead_letter_that_was_deleted_is_delivered(orders, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    orders.publish("c")
    orders.broadcast()
    push()
    message_id = orders.logged()[2]
    dead_letters.delete("orders", dead_letters.Delete(subscription=subscribed.id))
    resend(message_id, subscribed)
    assert traced(orders, message_id) == ("resent", None)
    push()
    assert traced(orders, message_id) == ("delivered", None)


def test_a_message_that_was_lost_is_delivered(orders, endpoint, subscribed, message_id, owner):
    owner.execute("UPDATE subscriptions SET lost_from_seq = 1, lost_to_seq = 2, lost = '{[1,2]}'")
    assert traced(orders, message_id)[0] == "lost"
    resend(message_id, subscribed)
    push()
    assert [traced(orders, each)[0] for each in orders.logged()] == ["delivered", "lost"]


def test_a_resend_that_fails_until_its_attempts_are_exhausted_is_a_dead_letter(
    orders, endpoint, subscribed, message_id
):
    orders.change(subscribed, retry_schedule=[60])
    first = resend(message_id, subscribed)
    assert traced(orders, message_id) == ("resent", None)
    endpoint.answer(500, times=2)
    push()
    assert traced(orders, message_id) == ("refused", "status 500")
    push_after_waits(orders)
    after = orders.subscription(subscribed)
    assert (after.dead_letters, after.redeliveries, after.state) == (1, 0, "active")
    dead_letters.redrive("orders", dead_letters.Redrive(subscription=subscribed.id))
    push()
    assert sent(endpoint)[-1] == (first.webhook_id, ["a"])


def test_a_resend_waits_while_the_subscription_is_paused(orders, endpoint, subscribed, message_id):
    orders.change(subscribed, paused=True)
    assert resend(message_id, subscribed).due_at is None
    assert push() == 0
    orders.change(subscribed, paused=False)
    assert push() == 1
    assert sent(endpoint)[-1][1] == ["a"]


def test_a_resend_waits_with_the_batch_of_an_endpoint_that_is_down(orders, endpoint, subscribed, message_id):
    endpoint.answer(503, times=1)
    orders.publish("c")
    orders.broadcast()
    push()
    resent = resend(message_id, subscribed)
    assert resent.due_at == orders.subscription(subscribed).due_at
    assert push() == 0
    push_after_waits(orders)
    assert {content for _, [content] in sent(endpoint)[-2:]} == {"a", "c"}


def test_nothing_is_sent_once_more_to_a_disabled_subscription(orders, endpoint, subscribed, message_id):
    endpoint.answer(410, times=1)
    orders.publish("c")
    orders.broadcast()
    push()
    with pytest.raises(Conflict, match="the subscription is disabled: status 410; enable it first"):
        resend(message_id, subscribed)
    assert orders.subscription(subscribed).redeliveries == 0


def test_a_message_that_the_subscription_has_not_got_to_comes_with_its_batch(orders, endpoint, subscribed):
    orders.publish("c")
    orders.broadcast()
    with pytest.raises(Conflict, match="has not got to the message yet; it is sent with its batch"):
        resend(orders.logged()[2], subscribed)
    assert push() == 1


def test_a_message_from_before_the_subscription_is_sent_to_it(orders, endpoint, subscribed, message_id):
    late = orders.subscribe(f"{endpoint.url}/late")
    resend(message_id, late)
    deliveries = {each.subscription: each.state for each in browsing.trace("orders", message_id).deliveries}
    assert deliveries == {subscribed.id: "delivered", late.id: "resent"}
    push()
    assert endpoint.requests[-1].path == "/late"
    assert sent(endpoint)[-1][1] == ["a"]


def test_only_messages_of_the_log_are_sent_once_more(orders, invoices, subscribed, message_id):
    [waiting] = orders.publish("c")
    invoices.subscribe("http://127.0.0.1:8000/")
    invoices.publish("x")
    invoices.broadcast()
    for other in (waiting, invoices.logged()[0], NOWHERE):
        with pytest.raises(NotFound, match="the message is not in the log of the topic; it waits"):
            resend(other, subscribed)
    with pytest.raises(NotFound, match="the topic has no such subscription"):
        resend(invoices.logged()[0], subscribed, topic="invoices")
    with pytest.raises(NotFound, match="there is no topic"):
        resend(message_id, subscribed, topic="nowhere")


def test_an_ordered_subscription_is_sent_a_message_once_more(orders, endpoint, subscribed, message_id):
    orders.change(subscribed, ordered=True)
    resend(message_id, subscribed)
    endpoint.answer(400, times=1)
    push()
    push_after_waits(orders)
    assert [contents for _, contents in sent(endpoint)] == [["a", "b"], ["a"], ["a"]]


@pytest.mark.parametrize("status", [200, 503])
def test_a_resend_while_an_earlier_one_is_under_way_is_recorded_with_it(orders, owner, subscribed, message_id, status):
    first = resend(message_id, subscribed)
    [job] = planner.plan(10)
    assert (job.webhook_id, job.redelivery) == (first.webhook_id, message_id)
    assert resend(message_id, subscribed).webhook_id == first.webhook_id
    planner.plan(0, [outcome(job, status)])
    assert orders.subscription(subscribed).redeliveries == (0 if status == 200 else 1)


def test_a_resend_waits_for_the_record_of_an_earlier_one(orders, session, background, subscribed, message_id):
    earlier = resend(message_id, subscribed)
    [job] = planner.plan(10)
    recorder = session(autocommit=False)
    recorded = msgspec.json.encode([outcome(job)]).decode()
    recorder.execute("SELECT FROM broker.plan_batches(0, 60, p_outcomes => %s::json)", [recorded])
    statement = "SELECT webhook_id FROM broker.resend('orders', %s, %s)"
    resending = background(session(), statement, message_id, subscribed.id)
    recorder.commit()
    [(webhook_id,)] = resending.result()
    assert webhook_id != earlier.webhook_id
    assert [each.webhook_id for each in planner.plan(10)] == [webhook_id]


def test_unsubscribe_waits_for_a_resend_and_removes_it(orders, owner, session, background, subscribed, message_id):
    resender = session(autocommit=False)
    resender.execute("SELECT FROM broker.resend('orders', %s, %s)", [message_id, subscribed.id])
    removing = background(session(), "SELECT broker.unsubscribe('orders', %s, NULL)", subscribed.id)
    resender.commit()
    assert removing.result() == [(1,)]
    assert owner.execute("SELECT count(*) FROM redeliveries").fetchall() == [(0,)]
