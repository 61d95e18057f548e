"""What the client makes of answers: retries, problems, and what is not from the broker. Against a real HTTP server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import Struct

from pgbroker import (
    Broker,
    Busy,
    Conflict,
    ContentMismatch,
    DatabaseUnavailable,
    InvalidInput,
    NotReached,
    Problem,
    PublishedInPart,
    TooManyRequests,
    Unauthorized,
    UnexpectedAnswer,
)
from tests.support.endpoints import Endpoint, closes, resets

PUBLISHED = b'{"id": "01a20ce4-07b0-7303-aece-1db29531985d"}'
UNAVAILABLE = {"type": "urn:pgbroker:problem:database-unavailable", "title": "unavailable", "detail": "it wakes up"}


@pytest.fixture
def broker(endpoint: Endpoint) -> Iterator[Broker]:
    with Broker(endpoint.url, "brk_secret", deadline_seconds=30) as broker:
        yield broker


def refuse(endpoint: Endpoint, status: int, problem: dict[str, Any], **headers: str) -> None:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    endpoint.answer(status, fields, json.dumps({"status": status, "request_id": "r", **problem}).encode())


def test_a_request_carries_the_token_and_json(endpoint: Endpoint, broker: Broker) -> None:
    endpoint.answer(201, body=PUBLISHED)
    broker.publish("orders", {"order": 1}, key="k")
    [request] = endpoint.requests
    assert (request.method, request.path, json.loads(request.body)) == (
        "POST",
        "/topics/orders/messages",
        {"content": {"order": 1}, "key": "k"},
    )
    assert request.headers["authorization"] == "Bearer brk_secret"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"].startswith("pgbroker-python/")


@pytest.mark.parametrize("behaviour", [resets(), closes()])
def test_a_publish_is_repeated_with_its_key_when_no_answer_comes(
    endpoint: Endpoint, broker: Broker, behaviour: Any
) -> None:
    endpoint.answer(201, body=PUBLISHED)
    endpoint.does(behaviour, times=2)
    assert broker.publish("orders", 1) == "01a20ce4-07b0-7303-aece-1db29531985d"
    assert len(endpoint.requests) == 3
    assert len({request.headers["idempotency-key"] for request in endpoint.requests}) == 1


def test_two_publishes_have_two_keys(endpoint: Endpoint, broker: Broker) -> None:
    endpoint.answer(201, body=PUBLISHED)
    broker.publish("orders", 1)
    broker.publish("orders", 1)
    assert len({request.headers["idempotency-key"] for request in endpoint.requests}) == 2


def test_the_whole_retry_after_is_waited_for(
    endpoint: Endpoint, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    endpoint.answer(201, body=PUBLISHED)
    endpoint.answer(503, {"retry-after": "7"}, json.dumps(UNAVAILABLE).encode(), times=1)
    endpoint.answer(429, {"retry-after": "3"}, b'{"message": "Too Many Requests"}', times=1)
    broker.publish("orders", 1)
    assert pauses == [7, 3]


def test_pauses_without_a_retry_after_grow(endpoint: Endpoint, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    endpoint.answer(201, body=PUBLISHED)
    endpoint.answer(502, times=6)
    broker.publish("orders", 1)
    assert all(0.1 * 2**n <= pause <= 0.2 * 2**n for n, pause in enumerate(pauses))
    assert len(pauses) == 6


def test_a_retry_after_beyond_the_deadline_raises_at_once(endpoint: Endpoint, broker: Broker) -> None:
    refuse(endpoint, 503, UNAVAILABLE, retry_after="60")
    with pytest.raises(DatabaseUnavailable, match="it wakes up") as raised:
        broker.read_topic("orders")
    assert raised.value.retry_after == 60
    assert len(endpoint.requests) == 1


def test_a_throttled_request_raises_too_many_requests(endpoint: Endpoint, broker: Broker) -> None:
    endpoint.answer(429, {"retry-after": "99"}, b'{"message": "Too Many Requests"}')
    with pytest.raises(TooManyRequests, match="Too Many Requests"):
        broker.read_topic("orders")


def test_a_busy_topic_is_asked_again_only_when_the_broker_says_so(endpoint: Endpoint, broker: Broker) -> None:
    busy = {"type": "urn:pgbroker:problem:busy", "title": "busy", "detail": "messages wait"}
    endpoint.answer(409, {"retry-after": "0"}, json.dumps(busy).encode(), times=1)
    refuse(endpoint, 409, busy)
    with pytest.raises(Busy, match="messages wait"):
        broker.delete_topic("orders")
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_what_is_refused_is_not_repeated(endpoint: Endpoint, broker: Broker, status: int) -> None:
    refuse(endpoint, status, {"title": "no", "detail": "because"})
    with pytest.raises(Problem, match="because"):
        broker.publish("orders", 1)
    assert len(endpoint.requests) == 1


def test_a_fault_has_its_pointer(endpoint: Endpoint, broker: Broker) -> None:
    faults = [{"pointer": "/messages/1/key", "detail": "too long"}, {"parameter": "limit", "detail": "too many"}]
    refuse(endpoint, 400, {"type": "urn:pgbroker:problem:invalid-input", "title": "t", "detail": "d", "errors": faults})
    with pytest.raises(InvalidInput) as raised:
        broker.publish("orders", 1)
    assert str(raised.value) == "d; /messages/1/key: too long; limit: too many"
    assert [fault.pointer for fault in raised.value.errors] == ["/messages/1/key", None]
    assert raised.value.request_id == "r"


def test_a_newer_problem_and_newer_fields_are_understood(endpoint: Endpoint, broker: Broker) -> None:
    refuse(endpoint, 409, {"type": "urn:pgbroker:problem:newer", "title": "t", "detail": "d", "more": [1]})
    with pytest.raises(Conflict, match="d"):
        broker.publish("orders", 1)
    endpoint.answer(200, body=b'{"name": "pgbroker", "version": "9", "links": {}, "more": {"a": 1}}')
    assert broker.root().version == "9"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>Welcome</html>"),
        (200, b""),
        (200, b'{"something": "else"}'),
        (200, b'{"name": "other", "version": "1", "links": {}}'),
        (302, b""),
        (404, b"<html>Not Found</html>"),
        (500, b"Internal Server Error"),
        (200, b"\xff\xfe"),
    ],
)
def test_an_answer_that_is_not_of_the_broker_says_so(
    endpoint: Endpoint, broker: Broker, status: int, body: bytes
) -> None:
    endpoint.answer(status, {"location": "http://elsewhere.invalid/"}, body)
    with pytest.raises(UnexpectedAnswer, match=r"GET / has the status \d+, .* Is its url right\?"):
        broker.root()
    assert len(endpoint.requests) == 1


def test_a_401_of_something_in_between_is_unauthorized(endpoint: Endpoint, broker: Broker) -> None:
    endpoint.answer(401, body=b"<html>Log in</html>")
    with pytest.raises(Unauthorized):
        broker.root()


def test_a_broker_that_is_not_there_is_not_reached() -> None:
    with (
        Broker("http://127.0.0.1:1", "brk_x", deadline_seconds=0) as broker,
        pytest.raises(NotReached, match=r"GET http://127"),
    ):
        broker.root()


def test_no_error_shows_the_token(endpoint: Endpoint, broker: Broker) -> None:
    endpoint.answer(401, body=b"{}")
    with pytest.raises(Unauthorized) as raised:
        broker.root()
    assert "brk_secret" not in repr(raised.value) + repr(broker) + str(vars(raised.value))


@pytest.mark.parametrize(
    ("url", "token"),
    [
        ("ftp://broker", "t"),
        ("broker:3000", "t"),
        ("http://", "t"),
        ("http://b:port", "t"),
        ("http://b", "a\nb"),
        ("http://b", "t t"),
    ],
)
def test_a_wrong_url_or_token_is_refused_at_once(url: str, token: str) -> None:
    with pytest.raises(ValueError, match=r"url of (a|the) broker|no token has") as raised:
        Broker(url, token)
    assert "a\nb" not in str(raised.value)


def test_content_of_another_type_raises_with_the_answer(endpoint: Endpoint, broker: Broker) -> None:
    class Order(Struct):
        order: int

    message = {
        "id": "i", "receipt": "r", "sender": "s", "key": None, "attributes": None, "receives": 1,
        "created_at": "2026-11-24T09:30:01.968102Z", "lease_expires_at": "2026-11-24T09:31:04Z",
    }  # fmt: skip
    contents = [{"order": 1}, {"order": "one"}]
    endpoint.answer(200, body=json.dumps({"messages": [{**message, "content": each} for each in contents]}).encode())
    with pytest.raises(ContentMismatch, match=r"content is not Order: .*int.*str") as raised:
        broker.consume("orders", type=Order)
    assert [each.content for each in raised.value.answer.messages] == contents
    [first, _] = broker.consume("orders", type=dict)
    assert first.created_at == datetime(2026, 11, 24, 9, 30, 1, 968102, UTC)


def test_a_second_part_that_fails_says_what_is_stored(endpoint: Endpoint, broker: Broker) -> None:
    refuse(endpoint, 403, {"title": "t", "detail": "revoked"})
    endpoint.answer(201, body=json.dumps({"ids": [str(n) for n in range(1000)]}).encode(), times=1)
    with pytest.raises(PublishedInPart) as raised:
        broker.publish_many("orders", [{"content": n} for n in range(1001)], idempotency_key="import-7")
    assert raised.value.ids == [str(n) for n in range(1000)]
    assert "revoked" in str(raised.value.__cause__)
    assert [request.headers["idempotency-key"] for request in endpoint.requests] == ["import-7", "import-7.1"]
