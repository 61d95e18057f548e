"""What a receiver answers, and so what the broker does next: docs/reference/delivery-rules.md."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to a webhook, for any framework."""

    status: int
    # No dict: FastAPI would write an Answer that was not made a Response as JSON, with status 200, and the broker would
    # take a refusal for a delivery. This type it can neither write nor declare, so that mistake is a 500.
    headers: MappingProxyType[str, str] = field(default_factory=lambda: MappingProxyType({}))
    body: bytes = b""


def ok() -> Answer:
    """All messages were taken: the broker sends the next batch. A handler that returns None says the same."""
    return _answer(HTTPStatus.OK, {})


def failed(ids: Iterable[str]) -> Answer:
    """All messages were taken but these: the broker sends the next batch, and these again, one by one.

    When the subscription is ordered, the whole batch is sent again. Raises ValueError for what is no id of a message:
    the broker would ignore the list with it, and take all messages for delivered.
    """
    failed = [str(UUID(str(each))) for each in ids]
    return _answer(HTTPStatus.OK, {"content-type": "application/json"}, json.dumps({"failed": failed}))


def abort(reason: str = "") -> Answer:
    """The messages must never be sent again: the broker makes dead letters of all messages of this webhook at once.

    The beginning of `reason`, 1 KiB of it, is shown among the attempts of the subscription.
    """
    return _answer(HTTPStatus.BAD_REQUEST, {"webhook-delivery": "abort-message"}, reason)


def slow_down(seconds: float | None = None) -> Answer:
    """The broker waits so long, or half a minute, and sends the batch again; this counts as no attempt."""
    return _answer(HTTPStatus.TOO_MANY_REQUESTS, _retry_after(seconds))


def later(seconds: float | None = None) -> Answer:
    """The broker sends the batch again after the next wait of its retry schedule, and after `seconds` at the earliest.

    After the last attempt it disables the subscription, which keeps its position.
    """
    return _answer(HTTPStatus.SERVICE_UNAVAILABLE, _retry_after(seconds))


def gone() -> Answer:
    """The broker disables the subscription at once. It keeps its position, until it is enabled again."""
    return _answer(HTTPStatus.GONE, {})


def tested() -> Answer:
    """The answer to a test, which no handler gets: the signature fits. It is shown among the attempts."""
    return _answer(HTTPStatus.OK, {}, "a test: its signature fits")


def refuse(status: int, reason: str) -> Answer:
    """The request is no webhook that can be handled, for this reason."""
    return _answer(status, {}, reason)


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": str(max(0, math.ceil(seconds)))}


def _answer(status: int, headers: Mapping[str, str], text: str = "") -> Answer:
    return Answer(
        int(status), MappingProxyType({"content-type": "text/plain; charset=utf-8", **headers}), text.encode()
    )
