"""What the receivers of all frameworks share: verify a request, call the handler, answer."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from pgbroker.webhooks.answers import Answer, ok, refuse, tested
from pgbroker.webhooks.deliveries import Delivery, InvalidWebhook
from pgbroker.webhooks.signatures import Headers, Secrets, read_keys, verify

MAX_BODY = 1 << 20  # bytes. The broker sends about 400 KB
TOO_LARGE = refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_BODY} bytes")

Handler = Callable[[Delivery], Answer | None]
AsyncHandler = Callable[[Delivery], Awaitable[Answer | None]]

log = logging.getLogger("pgbroker.webhooks")


def handle(body: bytes, headers: Headers, secrets: Secrets, handler: Handler) -> Answer:
    """Call `handler` with a webhook, and return what to answer.

    The handler is not called for a request that is no webhook of the broker: that is logged, and answered as
    InvalidWebhook says. Nor is it for a test, which is answered with 200. An exception of the handler is raised again:
    each framework logs it and answers 5xx, so the broker sends the batch again.
    """
    opened = open_webhook(body, headers, secrets)
    return opened if isinstance(opened, Answer) else checked(handler(opened))


async def handle_async(body: bytes, headers: Headers, secrets: Secrets, handler: AsyncHandler) -> Answer:
    """Do what `handle` does, with a handler to be awaited."""
    opened = open_webhook(body, headers, secrets)
    return opened if isinstance(opened, Answer) else checked(await handler(opened))


def open_webhook(body: bytes, headers: Headers, secrets: Secrets) -> Delivery | Answer:
    """Return what is in a webhook, or the answer to a request that is none, and to a test."""
    if len(body) > MAX_BODY:
        return TOO_LARGE
    try:
        delivery = verify(body, headers, secrets)
    except InvalidWebhook as error:
        log.warning("a request is not a webhook: %s", error)
        return refuse(error.status, str(error))
    if delivery.test:
        log.info("a test of the subscription %s was answered", delivery.subscription)
        return tested()
    return delivery


def is_too_large(content_length: str | None) -> bool:
    """Whether a request says before its body that this is too large."""
    return content_length is not None and content_length.isdecimal() and int(content_length[:20]) > MAX_BODY


def checked(returned: Any) -> Answer:
    """Return the answer that a handler returned. Anything else is a mistake, and must not be a 200."""
    if returned is None:
        return ok()
    if not isinstance(returned, Answer):
        raise TypeError(f"a handler of webhooks returns an Answer or None, not {type(returned).__name__}")
    return returned


def check_secrets(secrets: Secrets) -> None:
    """Raise ValueError when the program starts if a secret is not one, not at the first webhook."""
    if not callable(secrets):
        read_keys(secrets)
