"""Receive webhooks as a WSGI app of its own (PEP 3333)."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from pgbroker.webhooks.receiving import MAX_BODY, Handler, check_secrets, handle
from pgbroker.webhooks.signatures import Secrets

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def webhook(secrets: Secrets) -> Callable[[Handler], App]:
    """Make a WSGI app of a handler, which gets a Delivery and returns an Answer or None.

    Raises ValueError when a secret is not one.
    """
    check_secrets(secrets)

    def decorate(handler: Handler) -> App:
        def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
            answer = handle(_body(environ), _headers(environ), secrets, handler)
            headers = {"Content-Length": str(len(answer.body)), **answer.headers}
            start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(headers.items()))
            return [answer.body]

        return app

    return decorate


def _body(environ: Environ) -> bytes:
    """Read the body, or a beginning of it that is too large."""
    length = environ.get("CONTENT_LENGTH", "")
    size = int(length[:20]) if length.isdecimal() else 0
    if environ.get("wsgi.input_terminated"):  # then the server ends the input, also of a body sent in chunks
        size = MAX_BODY + 1
    body: bytes = environ["wsgi.input"].read(min(size, MAX_BODY + 1))
    return body


def _headers(environ: Environ) -> Iterable[tuple[str, str]]:
    return [(name[5:].replace("_", "-"), value) for name, value in environ.items() if name.startswith("HTTP_")]
