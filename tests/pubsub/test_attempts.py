"""The attempts of a subscription: those at one message, and those that failed."""

import json

import pytest

from broker.pubsub import attempts, reading
from broker.queue import browsing
from broker.webhooks.transfer import MAX_BODY
from tests.support.endpoints import closes
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs


@pytest.fixture
def pushed(orders, endpoint):
    """A subscription whose endpoint refused the batch 1 to 2 and a redelivery once, and took the batch 3 to 3."""
    subscribed = orders.subscribe(endpoint.url, batch_size=2)
    endpoint.answer(400, times=1)
    orders.publish("a", "b")
    orders.broadcast()
    push()
    orders.publish("c")
    orders.broadcast()
    push()
    endpoint.answer(503, times=1)
    for _ in range(2):
        orders.end_waits()
        push()
    return subscribed


def listed(subscribed, **query):
    """The status and the range of each attempt, the newest first."""
    found = attempts.list_attempts("orders", subscribed.id, attempts.List(**query)).items
    return [(attempt.status, attempt.first_seq, attempt.last_seq) for attempt in found]


def test_the_attempts_at_a_message_are_those_whose_range_has_its_seq(pushed):
    assert listed(pushed, seq=3) == [(200, 3, 3)]
    assert listed(pushed, seq=4) == []
    for seq in (1, 2):
        *alone, batch = listed(pushed, seq=seq)
        assert batch == (400, 1, 2)
        assert {(first, last) for _, first, last in alone} == {(seq, seq)}
    assert sorted(listed(pushed, seq=1) + listed(pushed, seq=2) + listed(pushed, seq=3)) == sorted(
        [*listed(pushed), (400, 1, 2)]
    )


def test_a_message_is_found_anywhere_in_a_large_batch(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, batch_size=1000)
    orders.fill(900)
    orders.broadcast()
    push()
    assert listed(subscribed, seq=1) == listed(subscribed, seq=450) == listed(subscribed, seq=900) == [(200, 1, 900)]


def test_each_message_of_a_long_log_has_its_attempts(orders, endpoint):
    """So long that they are not among the first ones."""
    subscribed = orders.subscribe(endpoint.url, batch_size=1)
    endpoint.answer(503, times=2)
    orders.fill(60)
    orders.broadcast()
    for _ in range(3):
        push()
        orders.end_waits()
    assert listed(subscribed, seq=1) == [(200, 1, 1), (503, 1, 1), (503, 1, 1)]
    for seq in range(2, 61):
        assert listed(subscribed, seq=seq) == [(200, seq, seq)]
    assert listed(subscribed, seq=61) == []


def test_the_trace_has_the_last_attempt_at_a_batch_that_was_tried_often(orders, endpoint, owner):
    subscribed = orders.subscribe(endpoint.url, ordered=True)
    [message] = orders.publish("a")
    orders.broadcast()
    endpoint.answer(503, times=1)
    push()
    owner.execute(
        "INSERT INTO attempts (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch,"
        " duration_ms, attempt, status) SELECT subscription_id, started_at + n * interval '1 us', first_seq, last_seq,"
        " message_id, digest, epoch, duration_ms, n + 1, status FROM attempts, generate_series(1, 150) n"
    )
    [delivery] = browsing.trace("orders", message).deliveries
    assert (delivery.attempt, delivery.reason) == (151, "status 503")
    assert len(listed(subscribed, seq=1, limit=1000)) == 151


def test_a_replay_adds_attempts_at_the_same_messages(orders, endpoint, owner):
    """Each replay has an epoch of its own, in which the log is sent again from some seq on."""
    subscribed = orders.subscribe(endpoint.url, batch_size=1)
    orders.fill(40)
    orders.broadcast()
    push()
    for start in (10, 30):
        owner.execute("UPDATE cursors SET epoch = epoch + 1, cursor = %s", [start])
        owner.execute("UPDATE topic_states SET next_due_at = now()")
        push()
    assert [len(listed(subscribed, seq=seq)) for seq in (1, 10, 11, 30, 31, 40)] == [1, 1, 2, 2, 3, 3]
    times = [
        attempt.started_at for attempt in attempts.list_attempts("orders", subscribed.id, attempts.List(seq=40)).items
    ]
    assert times == sorted(times, reverse=True)


def test_the_attempts_that_failed_have_another_status_than_2xx(pushed):
    assert [status for status, _, _ in listed(pushed, failed=True)] == [503, 400]
    assert listed(pushed, seq=3, failed=True) == []
    assert (400, 1, 2) in listed(pushed, seq=1, failed=True)


def test_without_a_response_an_attempt_failed(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    endpoint.does(closes(), times=2)  # on the connection that was kept, and on a new one
    orders.publish("a")
    orders.broadcast()
    push()
    assert listed(subscribed, failed=True) == [(None, 1, 1)]


def test_a_response_that_was_cut_or_names_messages_as_failed_is_among_those_that_failed(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, ordered=True)
    ids = orders.publish("a")
    orders.broadcast()
    endpoint.answer(200, body=json.dumps({"failed": [str(ids[0])]}).encode(), times=1)
    endpoint.answer(200, body=b"x" * (MAX_BODY + 1), times=1)
    push()
    orders.end_waits()
    push()
    assert listed(subscribed, failed=True) == [(200, 1, 1), (200, 1, 1)]
    assert orders.subscription(subscribed).cursor == 1


@pytest.mark.parametrize("query", [{}, {"seq": 1}, {"failed": True}])
def test_pages_of_attempts_follow_each_other(pushed, query):
    whole = attempts.list_attempts("orders", pushed.id, attempts.List(**query)).items
    paged, after = [], None
    while page := attempts.list_attempts("orders", pushed.id, attempts.List(after=after, limit=1, **query)):
        paged += page.items
        if page.next is None:
            break
        after = page.next
    assert paged == whole
    assert len(whole) > 1


def test_a_subscription_shows_its_last_attempt(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    assert orders.subscription(subscribed).last_attempt is None
    orders.publish("a")
    orders.broadcast()
    endpoint.does(closes())
    push()
    [first] = attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    assert first.reason is not None
    assert orders.subscription(subscribed).last_attempt == reading.LastAttempt(first.started_at, None, first.reason)

    endpoint.answer(503, times=1)
    orders.end_waits()
    push()

    [shown] = reading.list_subscriptions("orders", None, 10).items
    assert (shown.last_attempt.status, shown.last_attempt.reason) == (503, None)
    assert shown.last_attempt.started_at > first.started_at
