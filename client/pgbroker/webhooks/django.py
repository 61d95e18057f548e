"""Receive webhooks in a view of Django, and remember in its database what was handled."""
# Django has no types
# pyright: basic, reportArgumentType=false

from collections.abc import Callable, Collection
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from pgbroker.webhooks import seen
from pgbroker.webhooks.answers import Answer
from pgbroker.webhooks.deliveries import Delivery
from pgbroker.webhooks.receiving import TOO_LARGE, check_secrets, checked, is_too_large, open_webhook
from pgbroker.webhooks.signatures import Secrets

View = Callable[..., Any]


def webhook(secrets: Secrets) -> Callable[[View], View]:
    """Make a view of a handler, which gets the request and a Delivery, and returns an Answer or None.

    What the path has comes after these. The handler may be a coroutine function; then the view is one too. The view is
    exempt from the check of CSRF. Raises ValueError when a secret is not one.
    """
    check_secrets(secrets)

    def decorate(handler: View) -> View:
        @wraps(handler)
        def view(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
            opened = _open(request, secrets)
            return _respond(
                opened if isinstance(opened, Answer) else checked(handler(request, opened, *args, **values))
            )

        @wraps(handler)
        async def async_view(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
            opened = _open(request, secrets)
            return _respond(
                opened if isinstance(opened, Answer) else checked(await handler(request, opened, *args, **values))
            )

        exempt: View = csrf_exempt(async_view if iscoroutinefunction(handler) else view)
        return exempt

    return decorate


class DjangoSeen:
    """The table `webhooks_seen` in a database of Django: PostgreSQL or SQLite. `seen.TABLE` makes it, in a migration.

    What is added is remembered and forgotten with the effects in the same `transaction.atomic()`.
    """

    def __init__(self, using: str = "default") -> None:
        self._using = using

    def add(self, *ids: str) -> Collection[str]:
        """Remember ids, and return those that are new. Raises RuntimeError outside of `transaction.atomic()`."""
        connection = connections[self._using]
        if not connection.in_atomic_block:
            raise RuntimeError(seen.NO_TRANSACTION)
        with connection.cursor() as cursor:
            return seen.add(cursor, ids)


def _open(request: HttpRequest, secrets: Secrets) -> Delivery | Answer:
    if is_too_large(request.META.get("CONTENT_LENGTH")):
        return TOO_LARGE
    return open_webhook(request.body, request.headers, secrets)


def _respond(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
