"""HTTP on Lambda: from an API Gateway event to a route's function, and from its result or error to a response.

API Gateway has matched the route before it invokes a function, and names it in `routeKey`; nothing is matched again.
A route cannot be declared without its scope, and no route's function runs before the token is checked.
"""

import base64
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from uuid import UUID

import msgspec

from broker import authorization, deadlines, json_input, rate_limits, telemetry
from broker.errors import BrokerError, InternalError, TooLarge, TooManyRequests, Unauthorized
from broker.fields import TopicName
from broker.pagination import Page

T = TypeVar("T")
Scope = authorization.Scope | Literal["any"]  # any: each token may call it

MAX_REQUEST = 4 * 1024 * 1024  # bytes

_encode = msgspec.json.Encoder().encode


class Response(msgspec.Struct, frozen=True):
    """A status, and a value that JSON can hold (None: no body)."""

    status: HTTPStatus
    value: object = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


class Request:
    """One request, its path's parameters checked. `token` is the caller's; on a public route there is none."""

    __slots__ = ("_event", "_token", "due", "limit_fields", "topic")

    def __init__(self, event: Mapping[str, Any]) -> None:
        self._event = event
        self._token: authorization.Token | None = None
        self.topic: str = ""
        self.due = False  # whether Dispatch must be notified of the topic
        self.limit_fields: Mapping[str, str] = {}  # what the response says about the token's limit

    @property
    def token(self) -> authorization.Token:
        if self._token is None:
            raise Unauthorized
        return self._token

    def authorize(self, *scopes: Scope) -> None:
        """Check that the caller's token has one of the scopes. Raises Unauthorized, TooManyRequests or Forbidden.

        Nothing else of the request is read before, and a request that is refused for its scope counts in the limit too.
        """
        kind, _, token = (self.header("authorization") or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized
        self._token = authorization.authorize(token.strip())
        if (limit := self._token.requests_per_second) is not None:
            self._count(self._token, limit)
        topic = (self._event.get("pathParameters") or {}).get("topic")
        if "any" not in scopes:
            self._token.demand(scopes, topic)
        if topic is not None:
            self.topic = self.path("topic", TopicName)

    def _count(self, token: authorization.Token, limit: int) -> None:
        left = rate_limits.take(token.id, limit)
        self.limit_fields = rate_limits.fields(limit, left)
        if left is None:
            raise TooManyRequests(f"the token's requests_per_second is {limit}")

    def header(self, name: str) -> str | None:
        """Return a header by its name in lower case; None when it was not sent."""
        headers: Mapping[str, str] = self._event.get("headers") or {}
        # API Gateway writes names in lower case, `sam local` as they were sent
        return headers.get(name) or next((value for key, value in headers.items() if key.lower() == name), None)

    def path(self, name: str, kind: type[T]) -> T:
        """Return a parameter of the path. Raises InvalidInput."""
        return json_input.convert(name, self._event["pathParameters"][name], kind)

    def id(self) -> UUID:
        """Return the path's id. Raises InvalidInput."""
        return self.path("id", UUID)

    def query(self, kind: type[T]) -> T:
        """Return the query's parameters. Raises InvalidInput."""
        return json_input.convert_parameters(self._event.get("queryStringParameters") or {}, kind)

    def raw_body(self) -> bytes:
        """Return the body as it was sent. Raises TooLarge over 4 MiB."""
        body = self._event.get("body") or ""
        data = base64.b64decode(body) if self._event.get("isBase64Encoded") else body.encode(errors="surrogatepass")
        if len(data) > MAX_REQUEST:
            raise TooLarge(f"the body is over {MAX_REQUEST} bytes")
        return data

    def body(self, kind: type[T]) -> T:
        """Decode the body as JSON, whatever its Content-Type; an empty one is `{}`. Raises InvalidInput, TooLarge."""
        return json_input.decode(self.raw_body() or b"{}", kind)


Route = Callable[[Request], Response]


class Application:
    """The routes of one function. Its `handler` is what Lambda calls.

    `notify` is called after each request, with its topic when it became `due`, else with None. A function without it
    has no request that does.
    """

    def __init__(self, notify: Callable[[str | None], None] | None = None) -> None:
        self.routes: dict[str, tuple[Route, tuple[Scope, ...]]] = {}
        self._notify = notify

    def route(self, key: str, *, scope: Scope | tuple[Scope, ...] | None) -> Callable[[Route], Route]:
        """Declare the function of a route such as `GET /topics/{topic}`. A scope of None makes it public.

        Of several scopes one is enough.
        """
        scopes = scope if isinstance(scope, tuple) else (scope,) if scope else ()

        def declare(function: Route) -> Route:
            self.routes[key] = function, scopes
            return function

        return declare

    def handler(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Respond with what the route's function returns, or with the problem that it raised (RFC 9457)."""
        started = time.perf_counter()
        deadlines.begin_invocation(context)
        key = event["routeKey"]
        function, scopes = self.routes[key]
        request = Request(event)
        try:
            if scopes:
                request.authorize(*scopes)
            response = function(request)
        except BrokerError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                telemetry.log_failure(error, key, context.aws_request_id)
            response = _problem(error, context.aws_request_id)
        except Exception as error:  # noqa: BLE001  whatever it is; its text may hold content and is not logged
            telemetry.log_failure(error, key, context.aws_request_id)
            response = _problem(InternalError(), context.aws_request_id)
        if self._notify:  # after a failure too: what made it due was committed before
            self._notify(request.topic if request.due else None)
        seconds = time.perf_counter() - started
        telemetry.log_request(key, response.status, request.topic, context.aws_request_id, seconds)
        return _encode_response(response, request.limit_fields)


def ok(value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """Respond with a value."""
    return Response(status, value, headers or {})


def done(result: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Respond with the result of an operation, a struct; not with its `due`, which is for `Request.due`."""
    return ok({name: value for name, value in msgspec.structs.asdict(result).items() if name != "due"}, status)


def no_content() -> Response:
    """Respond that it is done, without a body."""
    return Response(HTTPStatus.NO_CONTENT)


def page(page: Page[Any]) -> Response:
    """Respond with a page of a list."""
    return ok({"items": page.items, "next": page.next})


def _problem(error: BrokerError, request_id: str) -> Response:
    problem: dict[str, object] = {
        "type": error.type(),
        "title": error.title(),
        "status": error.status,
        "detail": error.detail or error.title(),
        "request_id": request_id,
        **error.members,
    }
    if error.faults:
        problem["errors"] = [
            {name: value for name in ("pointer", "parameter", "detail") if (value := getattr(fault, name)) is not None}
            for fault in error.faults[: json_input.MAX_FAULTS]
        ]
    return Response(error.status, problem, {**error.headers, "Content-Type": "application/problem+json"})


def _encode_response(response: Response, limit_fields: Mapping[str, str]) -> dict[str, Any]:
    if response.value is None:
        return {"statusCode": int(response.status), "headers": {**limit_fields, **response.headers}}
    body = response.value if isinstance(response.value, str) else _encode(response.value).decode()
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store", **limit_fields, **response.headers}
    return {"statusCode": int(response.status), "headers": headers, "body": body}
