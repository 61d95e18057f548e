"""Receive webhooks in a view of Flask 3.1 or newer."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from flask import Response, current_app, request

from pgbroker.webhooks.answers import Answer
from pgbroker.webhooks.receiving import MAX_BODY, check_secrets, handle
from pgbroker.webhooks.signatures import Secrets


def webhook(secrets: Secrets) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Make a view of a handler, which gets a Delivery and what the rule has, and returns an Answer or None.

    Put it below the route. The handler may be a coroutine function, as other views of Flask. Raises ValueError when a
    secret is not one.
    """
    check_secrets(secrets)

    def decorate(handler: Callable[..., Answer | None]) -> Callable[..., Response]:
        @wraps(handler)
        def view(**values: Any) -> Response:
            request.max_content_length = MAX_BODY + 1  # of chunks that are more, so much is read
            body = request.get_data()
            answer = handle(body, request.headers, secrets, partial(current_app.ensure_sync(handler), **values))
            return Response(answer.body, answer.status, answer.headers)

        return view

    return decorate
