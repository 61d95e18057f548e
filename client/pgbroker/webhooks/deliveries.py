"""What a webhook of the broker has in it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol, TypeVar

Content = TypeVar("Content")


class InvalidWebhook(Exception):
    """A request is not a webhook of the broker, or not one of now. The text of it says why.

    `status` is what a receiver answers. It is 503 while the signature is in doubt: when the receiver has a wrong secret
    or a wrong clock, the broker sends the batch again until that is corrected, and nothing is lost. 401 would refuse
    the batch, and its messages would be dead letters in the end. When the signature fits and the body cannot be read,
    it is 400: the broker sends the messages one by one, and only the one that cannot be read becomes a dead letter.
    """

    def __init__(self, reason: str, status: int = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        super().__init__(reason)
        self.status = int(status)


class Seen(Protocol):
    """Ids that a receiver has handled; `pgbroker.webhooks.seen` keeps them in a table."""

    def add(self, *ids: str) -> Collection[str]:
        """Remember ids, and return those that are new: none of them when all were handled before."""
        ...


@dataclass(frozen=True, slots=True)
class PushedMessage:
    """A message as the publisher stored it."""

    id: str
    seq: int  # its position in the topic's log, which has no gaps
    content: Any  # any JSON
    sender: str
    key: str | None
    attributes: dict[str, Any] | None
    created_at: datetime  # UTC

    def content_as(self, type: type[Content]) -> Content:
        """Return the content as a `type`, such as a dataclass, a TypedDict, a msgspec.Struct or `list[int]`.

        Raises msgspec.ValidationError when the content has another form. Then name the message in `failed`: if the
        handler raises, the broker sends the whole batch again.
        """
        import msgspec  # noqa: PLC0415 - to verify a webhook takes the standard library alone

        return msgspec.convert(self.content, type)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook whose signature fits: consecutive messages of a topic, or one that is sent again on its own."""

    webhook_id: str  # the same at each attempt to send these messages together
    sent_at: datetime  # when this attempt was made; UTC, whole seconds
    topic: str
    subscription: str
    messages: tuple[PushedMessage, ...]
    resent: bool = False  # somebody asked to send the message once more, though it may have been handled
    test: bool = False  # somebody asked for a test: its message was never published

    def new(self, seen: Seen) -> list[PushedMessage]:
        """Return the messages that were not handled before, and remember them.

        Call it in the transaction that has their effects too, and let an exception roll both back. A message that the
        handler names in `failed` must not stay remembered: for these, call `seen.add` in a savepoint of each message.

        What was `resent` is new once more, under the id of its webhook.
        """
        resent = [self.webhook_id] if self.resent else []
        new = seen.add(*resent, *(message.id for message in self.messages))
        return [message for message in self.messages if self.seen_id(message) in new]

    def seen_id(self, message: PushedMessage) -> str:
        """Return the id under which to remember a message: its own, or that of the webhook when it was `resent`."""
        return self.webhook_id if self.resent else message.id


def decode(body: bytes, webhook_id: str, sent_at: datetime) -> Delivery:
    """Read the body of a webhook; fields that it does not know are ignored. Raises InvalidWebhook."""
    try:
        found = json.loads(body.decode())
        messages = tuple(map(_message, found["messages"]))
        marks = [found.get(name) is True for name in ("resent", "test")]
        return Delivery(webhook_id, sent_at, str(found["topic"]), str(found["subscription"]), messages, *marks)
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        reason = f"the body is not a delivery: {type(error).__name__}: {error}"
        raise InvalidWebhook(reason, HTTPStatus.BAD_REQUEST) from error


def _message(found: dict[str, Any]) -> PushedMessage:
    return PushedMessage(
        found["id"],
        found["seq"],
        found["content"],
        found["sender"],
        found["key"],
        found["attributes"],
        datetime.fromisoformat(found["created_at"]),
    )
