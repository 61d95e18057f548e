"""Receive webhooks in an AWS Lambda function behind API Gateway, a function URL or a load balancer."""

import base64
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pgbroker.webhooks.receiving import Handler, check_secrets, handle
from pgbroker.webhooks.signatures import Secrets

Event = Mapping[str, Any]


def webhook(secrets: Secrets) -> Callable[[Handler], Callable[[Event, object], dict[str, Any]]]:
    """Make the handler of a Lambda function of a handler that gets a Delivery and returns an Answer or None.

    It reads the events of API Gateway's REST APIs (payload 1.0) and HTTP APIs (1.0 and 2.0), of function URLs, and of
    Application Load Balancers, with multi-value headers or without. Raises ValueError when a secret is not one.
    """
    check_secrets(secrets)

    def decorate(handler: Handler) -> Callable[[Event, object], dict[str, Any]]:
        def on_event(event: Event, _context: object) -> dict[str, Any]:
            answer = handle(_body(event), _headers(event), secrets, handler)
            response = {
                "statusCode": answer.status,
                "statusDescription": f"{answer.status} {HTTPStatus(answer.status).phrase}",
                "isBase64Encoded": False,
                "body": answer.body.decode(),
            }
            if event.get("headers") is None:  # a load balancer that sends lists takes nothing else
                return response | {"multiValueHeaders": {name: [value] for name, value in answer.headers.items()}}
            return response | {"headers": dict(answer.headers)}

        return on_event

    return decorate


def _body(event: Event) -> bytes:
    body: str = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode("utf-8", "surrogatepass")


def _headers(event: Event) -> Iterable[tuple[str, str]]:
    lists: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    single: Mapping[str, str] = event.get("headers") or {}
    return [*((name, value) for name, values in lists.items() for value in values), *single.items()]
