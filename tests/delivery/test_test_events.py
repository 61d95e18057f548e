"""A test of a subscription: one request now, whose response is shown and changes nothing."""

import json

import pytest

from broker import database
from broker.dispatch import notifier, planner
from broker.errors import NotFound
from broker.pubsub import attempts, subscriptions
from broker.queue import browsing
from broker.transport import payloads
from pgbroker.webhooks import verify
from tests.support.endpoints import closes
from tests.support.outcomes import outcome
from tests.support.push_loop import push
from tests.support.snapshots import everything
from tests.support.sqs import deliver, dispatch, record


@pytest.fixture
def subscribed(orders, endpoint):
    """A subscription to which a message was delivered."""
    subscribed = orders.subscribe(endpoint.url, retry_schedule=[], headers={"x-team": "billing"})
    orders.publish("a")
    orders.broadcast()
    push()
    endpoint.requests.clear()
    return subscribed


@pytest.fixture
def idle(orders, queues, endpoint):
    """A subscription to which nothing was ever sent, beside the queues of SQS."""
    return orders.subscribe(endpoint.url)


def ask(subscribed, topic="orders"):
    """Ask for a test, and let it be sent; its webhook-id."""
    webhook_id = subscriptions.test(topic, subscribed.id)
    notifier.send_test(webhook_id)
    return webhook_id


def newest(subscribed):
    """The newest attempt."""
    return attempts.list_attempts("orders", subscribed.id, attempts.List(limit=1)).items[0]


def test_a_test_is_one_signed_request_that_says_so(orders, endpoint, subscribed):
    webhook_id = ask(subscribed)
    [request] = endpoint.requests
    assert (request.headers["webhook-id"], request.headers["x-team"]) == (webhook_id, "billing")
    delivery = verify(request.body, request.headers, subscribed.secret)
    assert (delivery.test, delivery.topic, delivery.subscription) == (True, "orders", str(subscribed.id))
    [message] = delivery.messages
    assert (message.seq, message.content, message.sender, message.key) == (0, {"test": True}, "pgbroker", None)
    assert json.loads(request.body)["test"] is True
    assert webhook_id == f"{subscribed.id}_0_{message.id}_test"


@pytest.mark.parametrize("status", [200, 204, 301, 400, 404, 408, 410, 429, 500, 503])
def test_its_response_is_shown_and_changes_nothing(orders, endpoint, owner, subscribed, status):
    before = everything(owner, but="attempts")
    endpoint.answer(status, {"retry-after": "60"}, b"seen" if status != 204 else b"", times=1)
    webhook_id = ask(subscribed)
    attempt = newest(subscribed)
    assert (attempt.webhook_id, attempt.status, attempt.first_seq, attempt.last_seq) == (webhook_id, status, 0, 0)
    assert attempt.answer == ("seen" if status != 204 else None)
    assert everything(owner, but="attempts") == before
    assert push() == 0
    assert len(endpoint.requests) == 1


def test_without_a_response_the_reason_is_shown(orders, endpoint, owner, subscribed):
    before = everything(owner, but="attempts")
    endpoint.does(closes(), times=2)  # on the connection that was kept, and on a new one
    ask(subscribed)
    assert newest(subscribed).status is None
    assert newest(subscribed).reason
    assert everything(owner, but="attempts") == before


@pytest.mark.parametrize("how", ["paused", "disabled", "waiting"])
def test_a_subscription_that_is_sent_nothing_is_sent_a_test(orders, endpoint, owner, subscribed, how):
    if how == "paused":
        orders.change(subscribed, paused=True)
    else:
        endpoint.answer(410 if how == "disabled" else 429, times=1)
    orders.publish("b")
    orders.broadcast()
    push()
    assert orders.subscription(subscribed).state == how
    before = everything(owner, but="attempts")
    ask(subscribed)
    assert newest(subscribed).status == 200
    assert everything(owner, but="attempts") == before


def test_no_other_subscription_is_sent_anything(orders, invoices, endpoint, subscribed):
    orders.subscribe(f"{endpoint.url}/other")
    ask(subscribed)
    assert [request.path for request in endpoint.requests] == ["/"]
    for missing in ("there is no topic", "the topic has no such subscription"):
        with pytest.raises(NotFound, match=missing):
            ask(subscribed, topic="invoices")
        invoices.publish("x")


def test_a_test_while_a_batch_is_under_way_leaves_it_alone(orders, endpoint, subscribed):
    orders.publish("b")
    orders.broadcast()
    [job] = planner.plan(10)
    ask(subscribed)
    assert orders.subscription(subscribed).behind == 1
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).behind == 0


@pytest.mark.parametrize("tests_first", [False, True])
def test_tests_and_batches_are_recorded_together(orders, subscribed, tests_first):
    orders.publish("b")
    orders.broadcast()
    [job] = planner.plan(10)
    tests = planner.plan_tests([subscriptions.test("orders", subscribed.id) for _ in range(2)])
    ended = [outcome(job), *(outcome(each, 503) for each in tests)]
    dispatch(*(record(body) for body in payloads.encode_outcomes(ended[::-1] if tests_first else ended)))
    assert orders.subscription(subscribed).behind == 0
    statuses = [each.status for each in attempts.list_attempts("orders", subscribed.id, attempts.List()).items]
    assert sorted(statuses) == [200, 200, 503, 503]


def test_a_test_of_a_subscription_that_was_removed_since_is_not_sent(queues, idle):
    webhook_id = subscriptions.test("orders", idle.id)
    subscriptions.unsubscribe("orders", idle.id)
    dispatch(record(payloads.encode_test(webhook_id)))
    assert queues.delivery.sent() == []


def test_an_outcome_of_a_test_that_comes_twice_is_one_attempt(queues, endpoint, idle):
    notifier.send_test(subscriptions.test("orders", idle.id))
    dispatch(*queues.dispatch.take())
    deliver(*queues.delivery.take())
    [ended] = queues.dispatch.take()
    dispatch(ended)
    dispatch(ended)
    assert len(attempts.list_attempts("orders", idle.id, attempts.List()).items) == 1
    assert len(endpoint.requests) == 1


def test_a_test_waits_while_the_database_is_unavailable(queues, endpoint, idle, monkeypatch):
    webhook_id = subscriptions.test("orders", idle.id)
    with monkeypatch.context() as outage:
        outage.setattr(database.functions, "_url", lambda: "postgresql://broker@127.0.0.1:1/broker")
        database.functions.close()
        dispatch(record(payloads.encode_test(webhook_id)))
    dispatch(*queues.dispatch.take())
    queues.run()
    assert [request.headers["webhook-id"] for request in endpoint.requests] == [webhook_id]


def test_a_test_that_sqs_does_not_take_is_refused(client, queues, endpoint, idle, log_lines):
    queues.dispatch.break_down()
    refused = client.post(f"/topics/orders/subscriptions/{idle.id}/test")
    assert (refused.status, refused.json["type"]) == (503, "urn:pgbroker:problem:queue-unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert [line.get("reason") for line in log_lines() if "error" in line] == ["QueueDoesNotExist"]
    assert endpoint.requests == []


@pytest.mark.parametrize("status", [200, 500])
def test_tests_are_not_counted(queues, endpoint, idle, log_lines, status):
    endpoint.answer(status, times=1)
    notifier.send_test(subscriptions.test("orders", idle.id))
    queues.run()
    assert len(endpoint.requests) == 1
    assert log_lines() == []


def test_a_test_is_no_attempt_at_a_message(orders, subscribed):
    ask(subscribed)
    found = attempts.list_attempts("orders", subscribed.id, attempts.List(seq=1)).items
    assert [each.first_seq for each in found] == [1]
    [delivery] = browsing.trace("orders", orders.logged()[0]).deliveries
    assert (delivery.state, delivery.attempt) == ("delivered", 1)
