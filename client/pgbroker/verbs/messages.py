"""Publish messages, and look at them."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypedDict, Unpack
from uuid import uuid4

from msgspec import Struct

from pgbroker.errors import BrokerError, PublishedInPart
from pgbroker.request import JSON, Request, body, content_reader, delete, encode, get, path, post, reader
from pgbroker.types import Found, HistoryMessage, Message, Page, Resent, TracedMessage, WaitingMessage

MAX_MESSAGES = 1_000  # in a request
MAX_BYTES = 4 * 1024 * 1024
_OPENED, _CLOSED = b'{"messages":[', b"]}"


class _Published(Struct):
    id: str


class _PublishedBatch(Struct):
    ids: list[str]


def publish(
    topic: str,
    content: Any,
    *,
    key: str | None = None,
    sender: str | None = None,
    attributes: dict[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Request[str]:
    """Store one message, and return its id. It is committed then. A missing topic is created.

    Repeating it with the same `idempotency_key` within 24 hours stores nothing and returns the same id. Without one,
    each call makes a key, so that the tries of one call store one message.
    """
    message = encode(Message(content, key, sender, attributes))
    return Request("POST", path("topics", topic, "messages"), _published, message, _headers(idempotency_key))


def publish_encoded(topic: str, messages: list[bytes], *, idempotency_key: str | None = None) -> Request[list[str]]:
    """Store messages that are JSON already, all or none, and return their ids: up to 1,000, of 4 MiB in all."""
    body = b"".join((_OPENED, b",".join(messages), _CLOSED))
    return Request("POST", path("topics", topic, "messages"), _published_batch, body, _headers(idempotency_key))


def parts(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Divide encoded messages into as few requests as the broker's limits allow."""
    part: list[bytes] = []
    room = MAX_BYTES - len(_OPENED) - len(_CLOSED)
    for message in messages:
        room -= len(message) + 1
        if part and (len(part) == MAX_MESSAGES or room < 0):
            yield part
            part = []
            room = MAX_BYTES - len(_OPENED) - len(_CLOSED) - len(message) - 1
        part.append(message)
    if part:
        yield part


def publish_many(
    topic: str, messages: Iterable[Message | Mapping[str, Any]], *, idempotency_key: str | None = None
) -> Iterator[Request[list[str]]]:
    """Make the requests that store any number of messages, each with the key and its number."""
    key = idempotency_key or str(uuid4())
    for number, part in enumerate(parts(map(encode, messages))):
        yield publish_encoded(topic, part, idempotency_key=f"{key}.{number}" if number else key)


@contextmanager
def noting(ids: list[str]) -> Generator[None, None, None]:
    """Raise PublishedInPart for an error after some messages were stored, whose ids are in the list by then."""
    try:
        yield
    except BrokerError as error:
        if ids:
            raise PublishedInPart(ids) from error
        raise


class Browse(TypedDict, total=False):
    """The options of browse_messages: a page, and only messages of a sender, with a key, or of a time.

    `limit` is 100 by default, at most 1,000. `after` is the `next` of the page before.
    """

    limit: int
    after: str | None
    sender: str
    key: str
    since: datetime
    until: datetime


def browse_messages(topic: str, content: Any, **options: Unpack[Browse]) -> Request[Page[WaitingMessage[Any]]]:
    """List the messages that wait in the queue, in the order in which consumers get them. It takes none of them.

    A page may be shorter than `limit`, or empty, without being the last: see `iterate`.
    """
    return get(path("topics", topic, "messages", **options), content_reader(_Waiting, content))


def trace_message(topic: str, message_id: str, content: Any) -> Request[TracedMessage[Any]]:
    """Read one message, its state, and its deliveries."""
    return get(path("topics", topic, "messages", message_id), content_reader(TracedMessage, content))


def resend(topic: str, message_id: str, *, subscription: str) -> Request[Resent]:
    """Send a message of the log once more to one subscription, whatever became of it there.

    It is sent under a webhook-id of its own. One that waits to be sent again already is due at once, and keeps its
    webhook-id: so a call that is repeated sends it once. Raises NotFound for a message that is not in the log; Conflict
    when the subscription is disabled, or has not got to the message yet.
    """
    return post(
        path("topics", topic, "messages", message_id, "resend"), body(subscription=subscription), reader(Resent)
    )


class ListHistory(TypedDict, total=False):
    """The options of list_history: a page, and only messages of a sender or with a key.

    `limit` is 100 by default, at most 1,000. `after` is the `next` of the page before, or any UUIDv7: the list begins
    before its time.
    """

    limit: int
    after: str | None
    sender: str
    key: str


def list_history(topic: str, content: Any, **options: Unpack[ListHistory]) -> Request[Page[HistoryMessage[Any]]]:
    """List what was published to a topic, whatever became of it, the newest first, each with its state.

    A page may be shorter than `limit`, or empty, without being the last: see `iterate`.
    """
    return get(path("topics", topic, "history", **options), content_reader(_History, content))


def find(any_id: str) -> Request[Found]:
    """Find what has an id, a message or a subscription, and its topic. Raises NotFound.

    A webhook-id has two ids: it is `<subscription>_<epoch>_<first message>_<digest>`.
    """
    return get(path("find", any_id), reader(Found))


def cancel_message(topic: str, message_id: str) -> Request[None]:
    """Delete a message that waits or is dead. Raises Conflict when it is on lease, or was consumed or broadcast."""
    return delete(path("topics", topic, "messages", message_id))


class _Waiting:
    """Page[WaitingMessage[…]], by the type of the content."""

    def __class_getitem__(cls, content: Any) -> Any:
        return Page[WaitingMessage[content]]


class _History:
    """Page[HistoryMessage[…]], by the type of the content."""

    def __class_getitem__(cls, content: Any) -> Any:
        return Page[HistoryMessage[content]]


def _published(answer: bytes) -> str:
    return str(reader(_Published)(answer).id)


def _published_batch(answer: bytes) -> list[str]:
    return list(reader(_PublishedBatch)(answer).ids)


def _headers(idempotency_key: str | None) -> Mapping[str, str]:
    return {**JSON, "Idempotency-Key": idempotency_key or str(uuid4())}
