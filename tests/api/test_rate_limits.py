"""The limit of a token over HTTP: its fields on each response, and what a request over it gets."""

from collections.abc import Callable
from typing import Any

import pytest

from broker import authorization, database
from tests.support.client import Client, Response
from tests.support.topic import Topic

MESSAGES, CONSUME = "/topics/orders/messages", "/topics/orders/consume"
RATE_LIMIT = '"requests_per_second";r={};t=1'
MoveClock = Callable[[float], None]


def client_with(client: Client, limit: int | None, *scopes: str, name: str = "till-3") -> Client:
    """A client with a new token that has this limit, for the topic orders."""
    allowed = {"scopes": scopes or authorization.SCOPES, "topics": ["orders"], "requests_per_second": limit}
    request = {"name": name, **allowed}
    return Client(client.post("/tokens", request).json["token"])


def left(response: Response) -> int:
    """How many requests a response says are left."""
    before, number, after = response.headers["RateLimit"].partition("r=")[2].partition(";")
    return int(before) if (number, after) == (";", "t=1") else -1


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the functions find no database from now on: `no_database()`."""

    def leave() -> None:
        database.functions.close()
        monkeypatch.setattr(database.functions, "_url", lambda: "postgresql://127.0.0.1:1/nowhere")

    return leave


def test_a_response_says_the_limit_and_what_is_left_of_it(client: Client, limit_clock: MoveClock) -> None:
    limited = client_with(client, 3)
    responses = [limited.get("/tokens/self") for _ in range(3)]
    assert [each.headers["RateLimit-Policy"] for each in responses] == ['"requests_per_second";q=3;w=1'] * 3
    assert [each.headers["RateLimit"] for each in responses] == [RATE_LIMIT.format(n) for n in (2, 1, 0)]
    limit_clock(0.7)
    assert limited.get("/tokens/self").headers["RateLimit"] == RATE_LIMIT.format(1)


def test_a_request_over_the_limit_gets_429_until_a_second_has_passed(client: Client, limit_clock: MoveClock) -> None:
    limited = client_with(client, 2)
    assert [limited.get("/tokens/self").status for _ in range(3)] == [200, 200, 429]

    refused = limited.get("/tokens/self")

    assert refused.headers["Content-Type"] == "application/problem+json"
    assert (refused.headers["Retry-After"], refused.headers["RateLimit"]) == ("1", RATE_LIMIT.format(0))
    assert refused.headers["RateLimit-Policy"] == '"requests_per_second";q=2;w=1'
    assert refused.json["type"] == "urn:pgbroker:problem:too-many-requests"
    assert refused.json["violated-policies"] == ["requests_per_second"]
    limit_clock(1)
    assert [limited.get("/tokens/self").status for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("limit_clock")
def test_each_answer_to_a_token_with_a_limit_has_the_fields(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = client_with(client, 100)
    limited.post(MESSAGES, {"content": 1})
    monkeypatch.setattr("broker.topics.put", lambda *_: 1 / 0)
    answers = [
        limited.post(MESSAGES, {"content": 1}),
        limited.get("/topics/orders"),
        limited.get("/health?database=true"),
        limited.delete("/topics/orders/dead-letters?dry_run=true"),
        limited.delete("/topics/orders?force=true"),
        limited.post(MESSAGES, {"contents": 1}),
        limited.get("/topics/invoices"),
        limited.get("/topics/orders"),
        limited.post("/tokens", {"name": "till-3", "scopes": ["browse"], "topics": ["orders"]}),
        limited.post(MESSAGES, {"content": "x" * 300_000}),
        limited.put("/topics/orders"),
    ]
    assert [each.status for each in answers] == [201, 200, 200, 200, 204, 400, 403, 404, 409, 413, 500]
    assert [left(each) for each in answers] == [*range(98, 87, -1)]


@pytest.mark.usefixtures("limit_clock")
def test_a_token_without_a_limit_has_no_fields_and_is_never_refused(client: Client) -> None:
    free = client_with(client, None)
    for each in (client, free):
        responses = [each.get("/tokens/self") for _ in range(20)]
        assert {response.status for response in responses} == {200}
        assert all("ratelimit" not in name.lower() for response in responses for name in response.headers)


@pytest.mark.usefixtures("limit_clock")
def test_a_public_route_counts_no_request(client: Client) -> None:
    limited = client_with(client, 1)
    for _ in range(3):
        answer = limited.get("/health")
        assert (answer.status, "RateLimit" in answer.headers) == (200, False)
    assert limited.get("/tokens/self").status == 200


@pytest.mark.usefixtures("limit_clock")
def test_a_request_that_the_scope_or_topic_refuses_counts_too(client: Client) -> None:
    limited = client_with(client, 2, "publish")
    assert limited.post(CONSUME).status == 403
    assert limited.post("/topics/invoices/messages", {"content": 1}).status == 403
    assert limited.post(MESSAGES, {"content": 1}).status == 429


@pytest.mark.usefixtures("limit_clock")
def test_each_token_has_a_limit_of_its_own(client: Client) -> None:
    first, second = (client_with(client, 1, name=name) for name in ("till-1", "till-2"))
    assert [first.get("/tokens/self").status for _ in range(2)] == [200, 429]
    assert second.get("/tokens/self").status == 200


@pytest.mark.usefixtures("limit_clock")
def test_a_request_over_the_limit_needs_no_database(client: Client, no_database: Callable[[], None]) -> None:
    limited = client_with(client, 2)
    assert limited.get("/topics").status == 200
    no_database()
    assert limited.get("/topics").status == 503
    assert limited.get("/topics").status == 429


@pytest.mark.usefixtures("limit_clock")
def test_a_response_without_the_database_has_the_fields_of_a_token_that_is_known(
    client: Client, no_database: Callable[[], None]
) -> None:
    known, unknown = client_with(client, 5, name="till-1"), client_with(client, 5, name="till-2")
    known.get("/topics")
    no_database()
    assert left(known.get("/topics")) == 3
    unavailable = unknown.get("/topics")
    assert (unavailable.status, "RateLimit" in unavailable.headers) == (503, False)


@pytest.mark.usefixtures("limit_clock")
def test_a_long_poll_counts_once(client: Client, orders: Topic) -> None:
    orders.publish("a")
    orders.consume(auto_ack=True)
    limited = client_with(client, 5)
    polled = limited.post(CONSUME, {"wait_seconds": 20}, seconds=5.5)
    assert (polled.json, left(polled)) == ({"messages": []}, 4)


def test_a_publish_that_is_repeated_after_429_is_stored_once(client: Client, limit_clock: MoveClock) -> None:
    limited = client_with(client, 1)
    limited.get("/tokens/self")
    request: dict[str, Any] = {"content": {"content": 1}, "headers": {"idempotency-key": "import-7"}}

    assert limited.post(MESSAGES, **request).status == 429
    limit_clock(1)
    stored = limited.post(MESSAGES, **request)
    limit_clock(1)
    again = limited.post(MESSAGES, **request)

    assert (stored.status, "Idempotency-Replayed" in stored.headers) == (201, False)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert len(client.post(CONSUME).json["messages"]) == 1
