"""Refusals: a message that an endpoint refuses becomes a redelivery, and in the end a dead letter."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from broker.dispatch import planner
from broker.errors import NotFound
from broker.pubsub import attempts, subscriptions
from broker.queue import browsing, dead_letters
from broker.schema import maintenance
from broker.webhooks import outcomes, retries
from broker.webhooks.transfer import Response
from tests.support.endpoints import closes
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs

ABORT = {"webhook-delivery": "abort-message"}


@pytest.fixture
def subscribed(orders, endpoint):
    """A subscription with two undelivered messages."""
    return subscribe_and_broadcast(orders, endpoint)


def subscribe_and_broadcast(orders, endpoint, **settings):
    subscribed = orders.subscribe(endpoint.url, **settings)
    orders.publish("a", "b")
    orders.broadcast()
    return subscribed


def sent(endpoint):
    """The contents in each request."""
    return [[message["content"] for message in json.loads(request.body)["messages"]] for request in endpoint.requests]


def push_after_waits(orders, rounds=1):
    """Send what is due, so many times; before each, let all waits be over."""
    for _ in range(rounds):
        orders.end_waits()
        push()


def dead_letters_of(subscribed, **filters):
    """The content, the reason and the number of attempts of each dead letter."""
    listed, _ = dead_letters.list_dead_letters("orders", dead_letters.List(subscription=subscribed.id, **filters))
    return [
        (json.loads(bytes(dead_letter.content)), dead_letter.reason, dead_letter.receives) for dead_letter in listed
    ]


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_the_next_batch_is_sent_after_a_refused_one(orders, endpoint, subscribed, status):
    endpoint.answer(status, times=1)
    push()
    orders.publish("c")
    orders.broadcast()
    push()
    after = orders.subscription(subscribed)
    assert (after.cursor, after.behind, after.failures, after.redeliveries, after.disabled_at) == (3, 0, 0, 2, None)
    assert sent(endpoint) == [["a", "b"], ["c"]]


def test_refused_messages_are_sent_again_one_by_one(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    push_after_waits(orders)
    assert sorted(sent(endpoint)[1:]) == [["a"], ["b"]]
    assert orders.subscription(subscribed).redeliveries == 0
    assert planner.next_due() is None


def test_a_redelivery_keeps_its_webhook_id_until_it_is_delivered(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    endpoint.answer(503, times=2)
    push_after_waits(orders, 2)
    batch, *redeliveries = endpoint.requests
    ids = [request.headers["webhook-id"] for request in redeliveries]
    assert len(ids) == 4
    assert len(set(ids)) == 2
    assert batch.headers["webhook-id"] not in ids
    assert sorted(
        attempt.attempt for attempt in attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    ) == [
        1,
        2,
        2,
        3,
        3,
    ]


def test_exhausted_redeliveries_become_dead_letters_and_do_not_disable_the_subscription(orders, endpoint, subscribed):
    endpoint.answer(400, body=b"no such shop")
    push()
    push_after_waits(orders, len(retries.SCHEDULE))
    after = orders.subscription(subscribed)
    assert (after.cursor, after.redeliveries, after.dead_letters, after.disabled_at) == (2, 0, 2, None)
    assert sorted(dead_letters_of(subscribed)) == [("a", "status 400", 10), ("b", "status 400", 10)]
    assert planner.next_due() is None
    newest, *_ = attempts.list_attempts("orders", subscribed.id, attempts.List(limit=1)).items
    assert newest.answer == "no such shop"


def test_batches_do_not_wait_for_a_failing_redelivery(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    endpoint.answer(503, times=2)
    push_after_waits(orders)
    orders.publish("c")
    orders.broadcast()
    push()
    assert orders.subscription(subscribed).cursor == 3


@pytest.mark.parametrize(("cause", "seconds"), [("Retry-After", 3600), ("closed", 5)])
def test_batches_wait_after_a_redelivery_with_retry_after_or_without_a_response(
    orders, endpoint, subscribed, owner, cause, seconds
):
    endpoint.answer(400, times=1)
    push()
    if cause == "closed":
        endpoint.does(closes(), times=2)  # once on the connection that was kept, once on a new one
    else:
        endpoint.answer(503, {"retry-after": str(seconds)}, times=1)
    push_after_waits(orders)
    orders.publish("c")
    orders.broadcast()
    assert push() == 0
    due_at = orders.subscription(subscribed).due_at
    assert 0.8 * seconds < (due_at - datetime.now(UTC)).total_seconds() < 1.2 * seconds


def test_redeliveries_and_batches_take_turns(orders, endpoint):
    subscribed = subscribe_and_broadcast(orders, endpoint, batch_size=1)
    endpoint.answer(400, times=2)
    push()
    orders.publish("c", "d")
    orders.broadcast()
    push_after_waits(orders)
    newest_first = attempts.list_attempts("orders", subscribed.id, attempts.List(limit=4)).items
    assert sorted(sent(endpoint)[2:]) == [["a"], ["b"], ["c"], ["d"]]
    assert [attempt.webhook_id.endswith("_again") for attempt in reversed(newest_first)] == [True, False, True, False]


def test_messages_that_a_2xx_names_as_failed_are_sent_again(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    _, failed = orders.publish("a", "b")
    orders.broadcast()
    endpoint.answer(200, body=json.dumps({"failed": [str(failed)]}).encode(), times=1)
    push()
    assert orders.subscription(subscribed).redeliveries == 1
    push_after_waits(orders)
    assert sent(endpoint) == [["a", "b"], ["b"]]
    assert orders.subscription(subscribed).redeliveries == 0


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b'{"failed": 1}', b'{"failed": []}', b'{"failed": ["x"]}', b"\xff"]
)
def test_a_2xx_that_names_no_message_delivers_the_whole_batch(orders, endpoint, subscribed, body):
    endpoint.answer(200, body=body)
    push()
    after = orders.subscription(subscribed)
    assert (after.cursor, after.redeliveries) == (2, 0)


def test_a_2xx_cannot_name_messages_of_another_topic(orders, invoices, endpoint, subscribed):
    [foreign] = invoices.publish("x")
    endpoint.answer(200, body=json.dumps({"failed": [str(foreign)]}).encode())
    push()
    assert (orders.subscription(subscribed).cursor, orders.subscription(subscribed).redeliveries) == (2, 0)


@pytest.mark.parametrize("status", [400, 500])
def test_an_endpoint_can_abort_the_messages_of_a_batch(orders, endpoint, subscribed, status):
    endpoint.answer(status, ABORT, times=1)
    push()
    after = orders.subscription(subscribed)
    assert (after.cursor, after.redeliveries, after.dead_letters) == (2, 0, 2)
    assert [reason for _, reason, _ in dead_letters_of(subscribed)] == ["the endpoint asked to abort"] * 2
    push_after_waits(orders)
    assert len(endpoint.requests) == 1


def test_an_endpoint_can_abort_a_redelivery(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    endpoint.answer(400, ABORT, times=1)
    push_after_waits(orders)
    after = orders.subscription(subscribed)
    assert (after.redeliveries, after.dead_letters) == (0, 1)


def test_an_ordered_subscription_is_sent_nothing_before_a_batch_that_it_refuses(orders, endpoint):
    subscribed = subscribe_and_broadcast(orders, endpoint, ordered=True)
    endpoint.answer(400, times=2)
    push_after_waits(orders, 2)
    orders.publish("c")
    orders.broadcast()
    after = orders.subscription(subscribed)
    assert (after.cursor, after.failures, after.redeliveries) == (0, 2, 0)
    push_after_waits(orders)
    assert sent(endpoint) == [["a", "b"], ["a", "b"], ["a", "b"], ["c"]]


def test_an_ordered_subscription_is_sent_the_batch_again_when_a_2xx_names_a_failed_message(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, ordered=True)
    _, failed = orders.publish("a", "b")
    orders.broadcast()
    endpoint.answer(200, body=json.dumps({"failed": [str(failed)]}).encode(), times=1)
    push()
    assert orders.subscription(subscribed).failures == 1
    push_after_waits(orders)
    assert sent(endpoint) == [["a", "b"], ["a", "b"]]


def test_refused_messages_are_dead_at_once_when_the_retry_schedule_is_empty(orders, endpoint):
    subscribed = subscribe_and_broadcast(orders, endpoint, retry_schedule=[])
    endpoint.answer(400, times=1)
    push()
    assert orders.subscription(subscribed).dead_letters == 2


def test_410_to_a_redelivery_disables_the_subscription_and_keeps_the_redelivery(orders, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    endpoint.answer(410, times=1)
    push_after_waits(orders)
    after = orders.subscription(subscribed)
    assert (after.disabled_reason, after.redeliveries) == ("status 410", 2)
    orders.change(subscribed, disabled=False)
    push_after_waits(orders)
    assert orders.subscription(subscribed).redeliveries == 0


def test_a_redriven_dead_letter_is_sent_again_with_all_its_attempts(orders, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    push()
    request = dead_letters.Redrive(subscription=subscribed.id)
    assert dead_letters.redrive("orders", request) == dead_letters.Redriven(2, 2, complete=True, due=True)
    endpoint.answer(503, times=2)
    push()
    assert orders.subscription(subscribed).redeliveries == 2
    push_after_waits(orders)
    assert sorted(sent(endpoint)[1:]) == [["a"], ["a"], ["b"], ["b"]]
    assert (orders.subscription(subscribed).redeliveries, dead_letters_of(subscribed)) == (0, [])


def test_dead_letters_can_be_redriven_by_id_and_with_a_delay(orders, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    push()
    listed, _ = dead_letters.list_dead_letters("orders", dead_letters.List(subscription=subscribed.id))
    request = dead_letters.Redrive(subscription=subscribed.id, ids=[listed[0].id], delay_seconds=60)
    assert dead_letters.redrive("orders", request).redriven == 1
    push()
    assert len(endpoint.requests) == 1
    push_after_waits(orders)
    assert sent(endpoint)[1:] == [[json.loads(bytes(listed[0].content))]]


def test_deleting_the_dead_letters_of_one_subscription_does_not_affect_another(orders, endpoint, subscribed):
    other = orders.subscribe(endpoint.url + "/other")
    endpoint.answer(400, ABORT, path="/")
    push()
    request = dead_letters.Delete(subscription=subscribed.id)
    assert dead_letters.delete("orders", request) == dead_letters.Deleted(2, 2, complete=True)
    assert dead_letters_of(subscribed) == []
    orders.publish("c")
    orders.broadcast()
    push()
    assert orders.subscription(other).cursor == 3


def test_a_deleted_dead_letter_is_traced_as_deleted_and_not_as_delivered(orders, owner, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    push()
    owner.execute("UPDATE messages SET key = 'k' WHERE id = %s", [orders.logged()[0]])
    dead_letters.delete("orders", dead_letters.Delete(subscription=subscribed.id, key="k"))
    assert traces(orders) == [("deleted", "the endpoint asked to abort"), ("dead", "the endpoint asked to abort")]
    assert orders.subscription(subscribed).dead_letters == 1
    assert dead_letters.redrive("orders", dead_letters.Redrive(subscription=subscribed.id)).redriven == 1
    push()
    assert traces(orders) == [("deleted", "the endpoint asked to abort"), ("delivered", None)]
    assert sent(endpoint)[1:] == [["b"]]


def test_a_dead_letter_that_ended_is_traced_as_deleted(orders, owner, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    push()
    owner.execute("UPDATE redeliveries SET died_at = died_at - interval '31 days' WHERE seq = 2")
    assert maintenance.maintain().ended == 1
    assert [state for state, _ in traces(orders)] == ["dead", "deleted"]


def traces(topic):
    """The state of each broadcast message at the subscription, with its reason."""
    deliveries = [browsing.trace(topic.name, each).deliveries for each in topic.logged()]
    return [(delivery.state, delivery.reason) for [delivery] in deliveries]


def test_dead_letters_of_a_subscription_are_listed_by_page_and_by_reason(orders, endpoint, subscribed):
    endpoint.answer(400, ABORT, times=1)
    push()
    first, after = dead_letters.list_dead_letters("orders", dead_letters.List(subscription=subscribed.id, limit=1))
    second, _ = dead_letters.list_dead_letters(
        "orders", dead_letters.List(subscription=subscribed.id, limit=1, after=after)
    )
    assert {dead_letter.id for dead_letter in [*first, *second]} == set(orders.logged())
    assert dead_letters_of(subscribed, reason="another") == []
    assert dead_letters.list_dead_letters("orders", dead_letters.List())[0] == []


def test_dead_letters_of_another_topics_subscription_are_not_found(orders, invoices, subscribed):
    invoices.publish("x")
    with pytest.raises(NotFound):
        dead_letters.list_dead_letters("invoices", dead_letters.List(subscription=subscribed.id))


def test_a_redelivery_recorded_while_its_subscription_is_removed_is_removed_too(
    orders, owner, session, background, subscribed
):
    [job] = planner.plan(10)
    refused = outcomes.judge(job, Response(400, None, {}, b"", datetime.now(UTC), timedelta()))
    recorder = session(autocommit=False)
    recorded = msgspec.json.encode([refused]).decode()
    recorder.execute("SELECT FROM broker.plan_batches(0, 60, p_outcomes => %s::json)", [recorded])
    removing = background(session(), "SELECT broker.unsubscribe('orders', %s, NULL)", subscribed.id)
    recorder.commit()
    assert removing.result() == [(1,)]
    assert owner.execute("SELECT count(*) FROM redeliveries").fetchall() == [(0,)]


def test_unsubscribe_removes_the_redeliveries(orders, owner, endpoint, subscribed):
    endpoint.answer(400)
    push()
    subscriptions.unsubscribe("orders", subscribed.id)
    assert owner.execute("SELECT FROM redeliveries").fetchall() == []
