"""On AWS the push loop goes on as long as there is something to push, however often its functions have run for it."""

import json
from collections.abc import Callable, Collection
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from broker import settings
from broker.transport import queues
from broker.webhooks import retries
from tests.support.endpoints import Endpoint
from tests.support.lineage import MAX_RUNS, Loop
from tests.support.topic import Topic


@pytest.fixture
def loop(owner: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the loop in which these functions are allowed to recurse; the functions send to its queues."""

    def make(recursive: Collection[str]) -> Loop:
        loop = Loop(owner, recursive)
        monkeypatch.setattr(queues, "dispatch", lambda: loop.dispatch)
        monkeypatch.setattr(queues, "delivery", lambda: loop.delivery)
        return loop

    monkeypatch.setenv("DISPATCH_QUEUE_URL", "https://sqs.example/dispatch")
    settings.current.cache_clear()
    yield make
    settings.current.cache_clear()


MakeLoop = Callable[[Collection[str]], Loop]


@pytest.fixture
def backlog(orders: Topic, endpoint: Endpoint) -> Any:
    """A subscription that is 100 batches behind."""
    subscribed = orders.subscribe(endpoint.url, batch_size=3)
    orders.fill(300)
    orders.broadcast()
    return subscribed


def contents(endpoint: Endpoint) -> list[Any]:
    return [message["content"] for request in endpoint.requests for message in json.loads(request.body)["messages"]]


def test_a_backlog_of_a_hundred_batches_is_caught_up(
    loop: MakeLoop, recursive: set[str], orders: Topic, endpoint: Endpoint, backlog: Any
) -> None:
    aws = loop(recursive)
    aws.push("orders")
    assert contents(endpoint) == list(range(1, 301))
    assert len(endpoint.requests) == 100
    assert orders.subscription(backlog).behind == 0
    assert aws.longest == {"Dispatch": 101, "Deliver": 100}
    assert aws.dropped == 0


def test_unless_recursion_is_allowed_a_backlog_stops(
    loop: MakeLoop, orders: Topic, endpoint: Endpoint, backlog: Any
) -> None:
    aws = loop([])
    aws.push("orders")
    assert len(endpoint.requests) == MAX_RUNS
    assert orders.subscription(backlog).behind > 0
    assert aws.dropped == 1


def test_an_endpoint_that_is_down_gets_all_attempts_over_three_days(
    loop: MakeLoop, recursive: set[str], orders: Topic, endpoint: Endpoint, subscribed: Any
) -> None:
    endpoint.answer(503)
    aws = loop(recursive)

    aws.push("orders")

    assert len(endpoint.requests) == 1 + len(retries.SCHEDULE)
    waits = [later - earlier for earlier, later in pairwise(aws.posted_at)]
    assert all(wait >= 0.9 * scheduled for wait, scheduled in zip(waits, retries.SCHEDULE, strict=True))
    assert sum(waits, timedelta()) <= 1.1 * sum(retries.SCHEDULE, timedelta()) + timedelta(hours=1)
    after = orders.subscription(subscribed)
    assert (after.cursor, after.behind, after.disabled_reason) == (0, 1, "status 503")
    assert aws.longest["Dispatch"] > 200  # SQS delays by 15 minutes at most
    assert aws.dropped == 0


def test_unless_recursion_is_allowed_an_endpoint_that_is_down_is_forgotten(
    loop: MakeLoop, orders: Topic, endpoint: Endpoint, subscribed: Any
) -> None:
    endpoint.answer(503)
    aws = loop([])

    aws.push("orders")

    assert len(endpoint.requests) < 1 + len(retries.SCHEDULE)
    after = orders.subscription(subscribed)
    assert (after.behind, after.disabled_at) == (1, None)
    assert aws.dropped == 1
