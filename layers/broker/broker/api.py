"""HTTP on Lambda: from an API Gateway event to a function of ours, and from what it returns or raises to an answer.

API Gateway has matched the route by the time a function is called, and says so in `routeKey`; nothing is matched again.
A route cannot be declared without its scope, and no route's function runs before the token is checked.
"""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from broker import deadlines, json_input, telemetry, tokens
from broker.errors import BrokerError, InternalError, TooLarge, Unauthorized
from broker.fields import TopicName

T = TypeVar("T")

MAX_REQUEST = 4 * 1024 * 1024  # octets
MAX_ANSWER = 5_500_000  # octets of a list, as escaped inside Lambda's own JSON
SPARE_SECONDS = 2  # of the function's time, for the answer

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, and a value that JSON can hold (None: no body)."""

    status: HTTPStatus
    value: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Call:
    """One request, its path's parameters checked. `token` is who asks; a public route has none."""

    __slots__ = ("_event", "_token", "count", "topic")

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self._token: tokens.Token | None = None
        self.topic: str = ""
        self.count = 0  # messages moved, for the metrics

    @property
    def token(self) -> tokens.Token:
        if self._token is None:
            raise Unauthorized
        return self._token

    def authorize(self, scope: tokens.Scope) -> None:
        """Let the caller in, or raise Unauthorized or Forbidden, before anything of the request is read."""
        kind, _, token = (self.header("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized
        self._token = tokens.authorize(token.strip())
        topic = (self._event.get("pathParameters") or {}).get("topic")
        self._token.demand(scope, topic)
        if topic is not None:
            self.topic = self.path("topic", TopicName)

    def header(self, name: str) -> str | None:
        """A header by its name in lower case; None when it was not sent."""
        headers: Mapping[str, str] = self._event.get("headers") or {}
        # API Gateway writes names in lower case, `sam local` as they were sent
        return headers.get(name) or next((value for key, value in headers.items() if key.lower() == name), None)

    def path(self, name: str, kind: type[T]) -> T:
        """A parameter of the path. Raises InvalidInput."""
        return json_input.converted(name, self._event["pathParameters"][name], kind)

    def id(self) -> UUID:
        """The path's id. Raises InvalidInput."""
        return self.path("id", UUID)

    def query(self, kind: type[T]) -> T:
        """The query's parameters. Raises InvalidInput."""
        return json_input.parameters(self._event.get("queryStringParameters") or {}, kind)

    def octets(self) -> bytes:
        """The body as it was sent. Raises TooLarge over 4 MiB."""
        body = self._event.get("body") or ""
        octets = base64.b64decode(body) if self._event.get("isBase64Encoded") else body.encode(errors="surrogatepass")
        if len(octets) > MAX_REQUEST:
            raise TooLarge(f"the body is over {MAX_REQUEST} octets")
        return octets

    def body(self, kind: type[T]) -> T:
        """The body, whatever its Content-Type says; an empty one is `{}`. Raises InvalidInput, TooLarge."""
        return json_input.decode(self.octets() or b"{}", kind)


Route = Callable[[Call], Answer]


class Application:
    """The routes of one function. Its `handler` is what Lambda calls."""

    def __init__(self) -> None:
        self.routes: dict[str, tuple[Route, tokens.Scope | None]] = {}

    def route(self, key: str, *, scope: tokens.Scope | None) -> Callable[[Route], Route]:
        """Declare the function of a route such as `GET /topics/{topic}`; a scope of None makes it public."""

        def declare(function: Route) -> Route:
            self.routes[key] = function, scope
            return function

        return declare

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request: what the route's function returns, or the problem that it raised (RFC 9457)."""
        started = time.perf_counter()
        deadlines.begin(context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS)
        key = event["routeKey"]
        function, scope = self.routes[key]
        call = Call(event)
        try:
            if scope is not None:
                call.authorize(scope)
            answer = function(call)
        except BrokerError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                telemetry.failure(error, key, context.aws_request_id)
            answer = _problem(error, context.aws_request_id)
        except Exception as error:  # noqa: BLE001  the last line: a trace may hold content, so its text is not logged
            telemetry.failure(error, key, context.aws_request_id)
            answer = _problem(InternalError(), context.aws_request_id)
        telemetry.request(
            key, answer.status, call.topic, call.count, context.aws_request_id, time.perf_counter() - started
        )
        return _response(answer)


def ok(value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a value."""
    return Answer(status, value, headers or {})


def no_content() -> Answer:
    """Answer that it is done, with nothing to say."""
    return Answer(HTTPStatus.NO_CONTENT)


def page(items: list[Any], limit: int, key: str) -> Answer:
    """Answer with a part of a list and `next`, the `key` of its last item to go on after: None when this was all.

    `items` are one more than `limit`, if there is one. Items that Lambda could not carry are left for the next page.
    """
    fitting = _fitting(items[:limit])
    return ok({"items": fitting, "next": getattr(fitting[-1], key) if len(fitting) < len(items) else None})


def _fitting(items: list[Any]) -> list[Any]:
    room = MAX_ANSWER
    for nth, item in enumerate(items):
        room -= len(_encode(_encode(item).decode()))
        if room < 0 and nth > 0:
            return items[:nth]
    return items


def _problem(error: BrokerError, request_id: str) -> Answer:
    problem: dict[str, object] = {
        "type": error.type(),
        "title": error.title(),
        "status": error.status,
        "detail": error.detail or error.title(),
        "request_id": request_id,
    }
    if error.faults:
        problem["errors"] = [
            {name: value for name in ("pointer", "parameter", "detail") if (value := getattr(fault, name)) is not None}
            for fault in error.faults[: json_input.MAX_FAULTS]
        ]
    return Answer(error.status, problem, {**error.headers, "Content-Type": "application/problem+json"})


def _response(answer: Answer) -> dict[str, Any]:
    if answer.value is None:
        return {"statusCode": int(answer.status), "headers": dict(answer.headers)}
    body = answer.value if isinstance(answer.value, str) else _encode(answer.value).decode()
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **answer.headers}
    return {"statusCode": int(answer.status), "headers": headers, "body": body}
