"""Outages: a batch that is not delivered waits, and the same batch is retried until its attempts are exhausted."""

import json
import socket
from datetime import timedelta

import pytest

from broker.pubsub import attempts
from broker.webhooks import retries
from tests.support import endpoints
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs


def set_next_attempt(owner, attempt):
    """Let the batch have failed so often that its next attempt has the number `attempt`."""
    owner.execute("UPDATE cursors SET failures = %s, due_at = now()", [attempt - 1])


def contents(request):
    return [message["content"] for message in json.loads(request.body)["messages"]]


@pytest.mark.parametrize(
    "behaviour",
    [
        endpoints.answers(500),
        endpoints.answers(503),
        endpoints.answers(408),
        endpoints.answers(425),
        endpoints.answers(301, {"location": "/"}),
        endpoints.closes(),
        endpoints.resets(),
        endpoints.says(b"no HTTP\r\n\r\n"),
    ],
)
def test_a_batch_that_is_not_delivered_waits(orders, endpoint, subscribed, behaviour):
    endpoint.does(behaviour)

    assert push() == 1

    after = orders.subscription(subscribed)
    assert (after.cursor, after.behind, after.failures, after.disabled_at) == (0, 1, 1, None)
    assert after.due_at is not None
    assert push() == 0
    [attempt] = attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    assert attempt.status is None or attempt.status >= 300
    assert attempt.status or attempt.reason


def test_a_batch_waits_when_the_connection_is_refused(orders):
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))
        subscribed = orders.subscribe(f"http://127.0.0.1:{not_listening.getsockname()[1]}/")
        orders.publish("a")
        orders.broadcast()
        push()
    assert orders.subscription(subscribed).failures == 1
    [attempt] = attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    assert (attempt.status, attempt.reason) == (None, "the connection was refused")


@pytest.mark.parametrize("attempt", range(1, 10))
def test_each_retry_waits_as_long_as_the_schedule_says(orders, owner, endpoint, subscribed, attempt):
    endpoint.answer(503)
    set_next_attempt(owner, attempt)
    wait = retries.SCHEDULE[attempt - 1]
    [before] = owner.execute("SELECT clock_timestamp()").fetchone()

    push()

    [after] = owner.execute("SELECT clock_timestamp()").fetchone()
    due_at = orders.subscription(subscribed).due_at
    margin = timedelta(milliseconds=1)
    assert before + 0.9 * wait - margin <= due_at <= after + 1.1 * wait + margin
    assert orders.subscription(subscribed).failures == attempt


def test_the_last_failed_attempt_disables_the_subscription_and_keeps_its_cursor(orders, owner, endpoint, subscribed):
    endpoint.answer(503)
    set_next_attempt(owner, len(retries.SCHEDULE) + 1)

    push()

    after = orders.subscription(subscribed)
    assert (after.cursor, after.behind, after.disabled_reason) == (0, 1, "status 503")
    assert after.disabled_at is not None
    orders.end_waits()
    assert push() == 0


def test_410_disables_the_subscription_at_once(orders, endpoint, subscribed):
    endpoint.answer(410)
    push()
    after = orders.subscription(subscribed)
    assert (after.cursor, after.disabled_reason) == (0, "status 410")


def test_a_disabled_subscription_catches_up_when_it_is_enabled(orders, endpoint, subscribed):
    endpoint.answer(410, times=1)
    push()
    orders.publish("b")
    orders.broadcast()
    assert push() == 0

    orders.change(subscribed, disabled=False)

    assert push() == 2
    after = orders.subscription(subscribed)
    assert (after.cursor, after.failures, after.disabled_at, after.disabled_reason) == (2, 0, None, None)
    assert [contents(request) for request in endpoint.requests] == [["a"], ["a"], ["b"]]


def test_an_enabled_subscription_has_all_its_attempts_again(orders, owner, endpoint, subscribed):
    endpoint.answer(503)
    set_next_attempt(owner, len(retries.SCHEDULE) + 1)
    push()
    orders.change(subscribed, disabled=False)
    push()
    after = orders.subscription(subscribed)
    assert (after.failures, after.disabled_at) == (1, None)


def test_a_retry_is_the_same_batch_though_more_was_broadcast_since(orders, endpoint, subscribed):
    endpoint.answer(503, times=2)
    push()
    for content in ("b", "c"):
        orders.publish(content)
        orders.broadcast()
        orders.end_waits()
        push()

    first, second, third, rest = endpoint.requests
    assert first.body == second.body == third.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
    assert contents(rest) == ["b", "c"]
    assert rest.headers["webhook-id"] != first.headers["webhook-id"]


def test_a_retry_is_the_same_batch_though_the_batch_size_was_changed(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, batch_size=3)
    orders.publish(*range(5))
    orders.broadcast()
    endpoint.answer(503, times=1)
    push()
    orders.change(subscribed, batch_size=1)
    orders.end_waits()
    push()
    assert [contents(request) for request in endpoint.requests] == [[0, 1, 2], [0, 1, 2], [3], [4]]


def test_a_retry_goes_to_the_new_url(orders, endpoint, subscribed):
    endpoint.answer(503, times=1)
    push()
    orders.change(subscribed, url=endpoint.url + "/moved")
    orders.end_waits()
    push()
    assert [request.path for request in endpoint.requests] == ["/", "/moved"]


def test_an_outage_of_one_endpoint_does_not_affect_other_subscriptions(orders, endpoint):
    endpoint.answer(503, path="/failing")
    failing, healthy = orders.subscribe(endpoint.url + "/failing"), orders.subscribe(endpoint.url + "/healthy")
    orders.publish("a")
    orders.broadcast()
    push()
    assert orders.subscription(failing).behind == 1
    assert orders.subscription(healthy).behind == 0
