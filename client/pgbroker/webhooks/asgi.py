"""Receive webhooks as an ASGI app of its own, or as a route of Starlette and FastAPI."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from pgbroker.webhooks.answers import Answer
from pgbroker.webhooks.deliveries import Delivery
from pgbroker.webhooks.receiving import MAX_BODY, AsyncHandler, Handler, check_secrets, handle_async
from pgbroker.webhooks.signatures import Secrets

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


def webhook(secrets: Secrets) -> Callable[[Handler | AsyncHandler], "Receiver"]:
    """Make an ASGI app of a handler, which gets a Delivery and returns an Answer or None.

    A handler that is no coroutine function runs in a thread. Raises ValueError when a secret is not one.
    """
    check_secrets(secrets)
    return lambda handler: Receiver(handler, secrets)


class Receiver:
    """An ASGI app that calls a handler. It is no function: Starlette would call that with a request."""

    def __init__(self, handler: Handler | AsyncHandler, secrets: Secrets) -> None:
        self._handler = handler
        self._secrets = secrets

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a server goes on without lifespan, as its specification has it
            raise NotImplementedError(f"a receiver of webhooks has no {scope['type']}")
        answer = await handle_async(await _body(receive), scope["headers"], self._secrets, self._call)
        headers = {"content-length": str(len(answer.body)), **answer.headers}
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})

    async def _call(self, delivery: Delivery) -> Answer | None:
        if inspect.iscoroutinefunction(self._handler):
            return await cast("AsyncHandler", self._handler)(delivery)
        return await asyncio.to_thread(cast("Handler", self._handler), delivery)


async def _body(receive: Receive) -> bytes:
    """Read the body, or a beginning of it that is too large."""
    body = bytearray()
    more = True
    while more and len(body) <= MAX_BODY:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return bytes(body)
