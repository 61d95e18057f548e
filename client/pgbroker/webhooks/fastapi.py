"""Receive webhooks in a path operation of FastAPI. For a route of Starlette alone, see `pgbroker.webhooks.asgi`."""

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pgbroker.webhooks.answers import Answer
from pgbroker.webhooks.deliveries import Delivery
from pgbroker.webhooks.receiving import MAX_BODY, check_secrets, open_webhook
from pgbroker.webhooks.signatures import Secrets


def webhook(secrets: Secrets) -> Callable[[Request], Awaitable[Delivery]]:
    """Make a dependency that returns the webhook of a request: `Annotated[Delivery, Depends(webhook(secrets))]`.

    The path operation is not called for a request that is no webhook, nor for a test. Let it return None, or `respond`
    of an Answer. Raises ValueError when a secret is not one.
    """
    check_secrets(secrets)

    async def delivery(request: Request) -> Delivery:
        opened = open_webhook(await _body(request), request.headers, secrets)
        if isinstance(opened, Answer):
            raise HTTPException(opened.status, opened.body.decode())
        return opened

    return delivery


def respond(answer: Answer) -> Response:
    """Return an Answer as a response of FastAPI."""
    return Response(answer.body, answer.status, answer.headers)


async def _body(request: Request) -> bytes:
    """Read the body, or a beginning of it that is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            break
    return bytes(body)
