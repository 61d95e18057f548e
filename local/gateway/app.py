"""An ASGI application that works like an HTTP API of Amazon API Gateway, with the same routing, limits and errors."""

import contextlib
import socket
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any
from urllib.parse import unquote

import uvicorn

from local.functions.pool import Invoke, NoWorker
from local.functions.process import FunctionError
from local.gateway import payloads
from local.gateway.payloads import Response
from local.template.template import Route

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_EVENT_BYTES = 6 * 1024 * 1024
WITHOUT_LENGTH = (204, 304)

Message = MutableMapping[str, Any]


def _error(status: int, message: str) -> Response:
    return Response(status, [(b"content-type", b"application/json")], b'{"message":"%b"}' % message.encode())


NOT_FOUND = _error(404, "Not Found")
TOO_LARGE = _error(413, "Request Entity Too Large")
FAILED = _error(500, "Internal Server Error")  # the function raised, or timed out within the 30 s of API Gateway
UNAVAILABLE = _error(503, "Service Unavailable")


class Routes:
    """Finds the route for a method and a path. If several match, the one with the fewest parameters wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._candidates: dict[tuple[str, int], list[tuple[Route, list[str]]]] = defaultdict(list)
        for route in sorted(routes, key=lambda route: route.path.count("{")):
            segments = route.path.split("/")
            self._candidates[route.method, len(segments)].append((route, segments))

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and its decoded path parameters, or None."""
        path = raw_path.split("/")
        for route, segments in self._candidates.get((method, len(path)), ()):
            parameters = {}
            for expected, actual in zip(segments, path, strict=True):
                if expected.startswith("{") and actual:
                    parameters[expected[1:-1]] = unquote(actual)
                elif expected != actual:
                    break
            else:
                return route, parameters
        return None


class Gateway:
    """The ASGI application. `access_log`: print a line for each request."""

    def __init__(self, routes: Iterable[Route], invoke: Invoke, *, access_log: bool = False) -> None:
        self._routes = Routes(routes)
        self._invoke = invoke
        self._access_log = access_log

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        request_id = payloads.request_id()
        body = await _read(receive)
        response = TOO_LARGE if body is None else await self._respond(scope, body, request_id)
        headers = [*response.headers, (b"apigw-requestid", request_id.encode())]
        if response.status not in WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(response.body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        if self._access_log:
            print(scope["method"], scope["raw_path"].decode("latin-1"), response.status, len(response.body), flush=True)

    async def _respond(self, scope: Message, body: bytes, request_id: str) -> Response:
        found = self._routes.find(scope["method"], scope["raw_path"].decode("latin-1"))
        if found is None:
            return NOT_FOUND
        route, parameters = found
        event = payloads.event(
            scope, body, route=f"{route.method} {route.path}", path_parameters=parameters, request_id=request_id
        )
        if len(event) > MAX_EVENT_BYTES:
            return TOO_LARGE
        try:
            # a route named consume may be a long poll
            return payloads.response(
                await self._invoke(route.function, event, may_wait=route.path.endswith("/consume"))
            )
        except FunctionError:
            return FAILED
        except payloads.BadAnswer as error:
            print(f"{route.function.name}: {error}", file=sys.stderr, flush=True)
            return FAILED
        except NoWorker:
            return UNAVAILABLE


async def _read(receive: Callable[[], Awaitable[Message]]) -> bytes | None:
    """Read the request's body. None: it is too large, or the client has disconnected.

    A body that is too large is read to its end too: a client that still sends does not read the response.
    """
    size, parts, more = 0, [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY_BYTES:
            parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts) if size <= MAX_BODY_BYTES else None


def _do_nothing() -> None:
    pass


class Server(uvicorn.Server):
    """Uvicorn that calls `ready` once it listens, and that leaves the signals to the runner."""

    def __init__(self, application: Any, ready: Callable[[], None] = _do_nothing) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                proxy_headers=False,
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
