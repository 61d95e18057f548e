"""Receive webhooks of the broker: verify them, and answer. This package needs the standard library alone.

A module for each framework has `webhook(secrets)`: asgi, aws_lambda, django, fastapi, flask and wsgi. The first secret
that fits is enough, so a rotation interrupts nothing. docs/how-to/receive-webhooks.md shows all of them.
"""

from pgbroker.webhooks.answers import Answer, abort, failed, gone, later, ok, slow_down
from pgbroker.webhooks.deliveries import Delivery, InvalidWebhook, PushedMessage, Seen
from pgbroker.webhooks.receiving import handle, handle_async
from pgbroker.webhooks.signatures import Headers, Secrets, sign, verify

__all__ = [
    "Answer",
    "Delivery",
    "Headers",
    "InvalidWebhook",
    "PushedMessage",
    "Secrets",
    "Seen",
    "abort",
    "failed",
    "gone",
    "handle",
    "handle_async",
    "later",
    "ok",
    "sign",
    "slow_down",
    "verify",
]
