"""Pace: an endpoint slows its requests with 429 and Retry-After, a subscription with `rate_per_second`."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from broker.pubsub import attempts
from broker.webhooks import retries
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def seconds_until_due(orders, owner, subscribed):
    """How many seconds from now the subscription is due."""
    return (orders.subscription(subscribed).due_at - owner.execute("SELECT now()").fetchone()[0]).total_seconds()


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Tue, 24 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Tue, 24 Nov 2026 11:00:00 GMT", timedelta()),
        ("9" * 400, YEAR),
        ("Tue, 24 Nov 9999 12:00:30 GMT", YEAR),
        *((text, timedelta()) for text in (None, "", "-1", "1.5", "soon", "Tue, 99 Nov 2026", "\u0663")),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, wait):
    assert retries.retry_after(header, NOW) == wait


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retry_after_in_seconds_is_obeyed_in_full(orders, owner, endpoint, subscribed, status):
    endpoint.answer(status, {"retry-after": "86400"})
    push()
    assert 86_300 < seconds_until_due(orders, owner, subscribed) <= 86_400


def test_retry_after_with_a_date_is_obeyed_in_full(orders, owner, endpoint, subscribed):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    endpoint.answer(503, {"retry-after": format_datetime(until, usegmt=True)})
    push()
    assert abs(orders.subscription(subscribed).due_at - until) < timedelta(seconds=5)


def test_retry_after_does_not_shorten_the_wait_of_the_schedule(orders, owner, endpoint, subscribed):
    endpoint.answer(503, {"retry-after": "0"})
    owner.execute("UPDATE cursors SET failures = 3")
    push()
    assert seconds_until_due(orders, owner, subscribed) > 6_000


def test_429_counts_as_no_attempt(orders, endpoint, subscribed):
    endpoint.answer(429, {"retry-after": "5"})
    for _ in range(len(retries.SCHEDULE) + 5):
        orders.end_waits()
        push()
    after = orders.subscription(subscribed)
    assert (after.failures, after.cursor, after.disabled_at) == (0, 0, None)
    recorded = attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    assert {attempt.attempt for attempt in recorded} == {1}
    assert len({attempt.webhook_id for attempt in recorded}) == 1


def test_429_without_retry_after_waits_half_a_minute(orders, owner, endpoint, subscribed):
    endpoint.answer(429)
    push()
    assert 25 < seconds_until_due(orders, owner, subscribed) <= 33


def test_429_to_a_redelivery_delays_the_whole_subscription(orders, owner, endpoint, subscribed):
    endpoint.answer(400, times=1)
    push()
    orders.end_waits()
    endpoint.answer(429, {"retry-after": "600"})
    push()
    orders.publish("b")
    orders.broadcast()
    assert push() == 0
    assert seconds_until_due(orders, owner, subscribed) > 500
    assert orders.subscription(subscribed).redeliveries == 1


def test_the_retry_schedule_of_a_subscription_is_followed(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, retry_schedule=[100, 2000])
    orders.publish("a")
    orders.broadcast()
    endpoint.answer(503)
    for seconds in (100, 2000):
        orders.end_waits()
        push()
        assert 0.89 * seconds < seconds_until_due(orders, owner, subscribed) <= 1.1 * seconds
    orders.end_waits()
    push()
    assert orders.subscription(subscribed).disabled_reason == "status 503"


def test_the_next_request_is_sent_no_sooner_than_the_rate_allows(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, rate_per_second=2, batch_size=1)
    orders.publish("a", "b")
    orders.broadcast()
    assert push() == 2
    second, first = attempts.list_attempts("orders", subscribed.id, attempts.List()).items
    assert second.started_at - first.started_at >= timedelta(seconds=0.5)
    assert orders.subscription(subscribed).cursor == 2
