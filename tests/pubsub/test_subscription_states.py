"""The state of a subscription as it is shown: the first that fits of disabled, paused, waiting and active."""

import pytest

from broker.dispatch import planner
from broker.queue import browsing
from tests.support.outcomes import outcome
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs


def state(orders, subscribed):
    return orders.subscription(subscribed).state


def test_a_new_subscription_is_active(orders, endpoint):
    assert state(orders, orders.subscribe(endpoint.url)) == "active"


def test_a_subscription_that_is_behind_and_due_is_active(orders, subscribed):
    assert orders.subscription(subscribed).behind == 1
    assert state(orders, subscribed) == "active"


def test_a_subscription_waits_after_a_failure_until_its_next_attempt(orders, endpoint, subscribed):
    endpoint.answer(503)
    push()
    assert state(orders, subscribed) == "waiting"
    orders.end_waits()
    assert state(orders, subscribed) == "active"
    assert orders.subscription(subscribed).failures == 1


def test_a_subscription_waits_after_429_which_counts_no_failure(orders, endpoint, subscribed):
    endpoint.answer(429)
    push()
    assert state(orders, subscribed) == "waiting"
    assert orders.subscription(subscribed).failures == 0


def test_a_subscription_is_active_while_a_retry_is_under_way(orders, endpoint, subscribed):
    endpoint.answer(503)
    push()
    orders.end_waits()
    assert len(planner.plan(1)) == 1
    assert orders.subscription(subscribed).failures == 1
    assert state(orders, subscribed) == "active"


def test_a_subscription_waits_as_long_as_the_response_to_a_redelivery_asks(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    endpoint.answer(503, {"Retry-After": "60"}, times=1)
    push()
    assert state(orders, subscribed) == "active"
    orders.end_waits()
    push()
    assert state(orders, subscribed) == "waiting"


def test_a_subscription_is_active_again_after_a_delivery(orders, endpoint, subscribed):
    endpoint.answer(503, times=1)
    push()
    orders.end_waits()
    push()
    assert state(orders, subscribed) == "active"
    assert orders.subscription(subscribed).behind == 0


def test_a_paused_subscription_that_failed_is_paused(orders, endpoint, subscribed):
    endpoint.answer(503)
    push()
    orders.change(subscribed, paused=True)
    assert state(orders, subscribed) == "paused"
    orders.change(subscribed, paused=False)
    assert state(orders, subscribed) == "active"


@pytest.mark.parametrize("status", [429, 503])
def test_a_subscription_that_waits_is_due_at_once_when_it_is_resumed(orders, endpoint, subscribed, status):
    endpoint.answer(status, times=2)
    push()
    assert push() == 0
    for left in (1, 0):
        orders.change(subscribed, paused=False)
        assert orders.subscription(subscribed).failures == 0
        assert push() == 1
        assert orders.subscription(subscribed).behind == left
    assert [request.headers["webhook-id"] for request in endpoint.requests] == [
        endpoint.requests[0].headers["webhook-id"]
    ] * 3


def test_a_subscription_that_waits_for_what_a_redelivery_was_answered_is_due_at_once(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    endpoint.answer(429, {"Retry-After": "60"}, times=1)
    push()
    orders.end_waits()
    push()
    assert state(orders, subscribed) == "waiting"
    orders.change(subscribed, paused=False)
    assert push() == 1
    assert orders.subscription(subscribed).redeliveries == 0


def test_a_resumed_subscription_sends_no_faster_than_its_rate(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, rate_per_second=1, batch_size=1)
    orders.publish("a", "b")
    orders.broadcast()
    planner.plan(0, [outcome(job) for job in planner.plan(1)])
    due_at = orders.subscription(subscribed).due_at
    orders.change(subscribed, paused=False)
    assert orders.subscription(subscribed).due_at == due_at


def test_a_subscription_whose_endpoint_answers_410_is_disabled(orders, endpoint, subscribed):
    endpoint.answer(410)
    push()
    assert state(orders, subscribed) == "disabled"
    orders.change(subscribed, disabled=False)
    assert state(orders, subscribed) == "active"


def test_a_subscription_that_is_disabled_and_paused_is_disabled_everywhere(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    [message_id] = orders.publish("a")
    orders.broadcast()
    endpoint.answer(410)
    push()
    orders.change(subscribed, paused=True)
    assert state(orders, subscribed) == "disabled"
    [delivery] = browsing.trace("orders", message_id).deliveries
    assert (delivery.state, delivery.reason) == ("disabled", "status 410")
