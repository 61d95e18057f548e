"""How a broker is reached: its address, the token, and the settings of the HTTP client."""

import os
from importlib.metadata import version
from typing import Any

import httpx2
from msgspec import Struct

from pgbroker.errors import BrokerError, NotReached
from pgbroker.request import Request

DEFAULT_URL = "http://127.0.0.1:3000"
CONNECT_SECONDS = 5.0
READ_SECONDS = 40.0  # a consume may wait for 20 s, and API Gateway answers after 29 s at the latest
DEADLINE_SECONDS = 60.0
LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=100)

USER_AGENT = f"pgbroker-python/{version('pgbroker')}"


class Connection(Struct, frozen=True):
    """The address of a broker, without a slash at its end, and the settings of an HTTP client for it."""

    url: str
    settings: dict[str, Any]

    def options(self, request: Request[Any], seconds_left: float) -> dict[str, Any]:
        """Return the arguments of an HTTP client's `request`."""
        options: dict[str, Any] = {"content": request.body, "headers": request.headers}
        if seconds_left < READ_SECONDS:
            options["timeout"] = timeout(seconds_left)
        return options


def connection(url: str | None, token: str | None) -> Connection:
    """Read $BROKER and $TOKEN for what is not given. Raises ValueError for a url or a token that cannot be one."""
    address = (url or os.environ.get("BROKER") or DEFAULT_URL).rstrip("/")
    try:
        parsed = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise ValueError(f"the url of the broker is none: {error}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ValueError(f"the url of a broker is http://… or https://…, not {address[:20]!r}")
    secret = token if token is not None else os.environ.get("TOKEN", "")
    if secret and not (secret.isascii() and secret.isprintable() and " " not in secret):
        raise ValueError("the token has characters that no token has")
    headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
    if secret:
        headers["Authorization"] = f"Bearer {secret}"
    return Connection(address, {"headers": headers, "timeout": timeout(READ_SECONDS), "limits": LIMITS})


def timeout(read_seconds: float) -> httpx2.Timeout:
    """Limit the connecting and each read and write, but not the wait for a connection of the pool."""
    return httpx2.Timeout(read_seconds, connect=min(CONNECT_SECONDS, read_seconds), pool=None)


def not_reached(request: Request[Any], url: str, error: httpx2.RequestError) -> BrokerError:
    """Return the error for a request that got no answer."""
    reason = str(error) or type(error).__name__
    return NotReached(f"{request.method} {url}{request.path}: {reason}")
