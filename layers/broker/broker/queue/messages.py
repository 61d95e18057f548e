"""Publish: store messages in a topic's queue."""

import hashlib
import time
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database, json_input, telemetry
from broker.errors import Fault, TooLarge
from broker.fields import IdempotencyKey, Label

MAX_BYTES = 256 * 1024  # of a message: content and attributes as sent, sender and key
MAX_BATCH = 1000


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """One message to publish: any JSON as content, and labels that the broker stores and passes on."""

    content: msgspec.Raw
    sender: Label | None = None
    key: Label | None = None
    attributes: Annotated[dict[Label, str], msgspec.Meta(max_length=100)] | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Messages to publish, all or none."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class _Shape(msgspec.Struct):
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Publication(msgspec.Struct, frozen=True):
    """A producer's request: its messages as a JSON array, and whether it was a batch."""

    document: str
    many: bool


class Idempotency(msgspec.Struct, frozen=True):
    """The Idempotency-Key of a request, and the SHA-256 of the body."""

    key: str
    fingerprint: bytes


class Published(msgspec.Struct, frozen=True):
    """The ids of stored messages, in the order given.

    `due`: the topic is an auto topic and no batch window covers what was stored, so Dispatch must be notified.
    `replayed`: an earlier request with the same idempotency key stored them.
    """

    ids: list[UUID]
    due: bool
    replayed: bool


class _Stored(msgspec.Struct, frozen=True):
    ids: list[UUID]
    auto: bool
    batch_window: float  # seconds until Dispatch looks at the topic by itself
    replayed: bool


def publication(body: bytes) -> Publication:
    """Read one message, or `{"messages": […]}`. Raises InvalidInput, or TooLarge for a message over 256 KiB.

    The producer's bytes are checked and passed on; they are not encoded again.
    """
    shape = json_input.decode(body, _Shape)
    if many := shape.messages is not msgspec.UNSET:
        messages = json_input.decode_again(body, Batch).messages
        document = bytes(shape.messages).decode()
    else:
        messages = [json_input.decode_again(body, Message)]
        document = f"[{body.decode()}]"
    faults = [
        Fault(f"the message is over {MAX_BYTES} bytes", f"/messages/{nth}" if many else "")
        for nth, message in enumerate(messages)
        if _size(message) > MAX_BYTES
    ]
    if faults:
        raise TooLarge(faults=faults)
    return Publication(document, many=many)


def idempotency(key: str | None, body: bytes) -> Idempotency | None:
    """Read an Idempotency-Key; None when there is none. Raises InvalidInput."""
    if key is None:
        return None
    return Idempotency(json_input.convert("Idempotency-Key", key, IdempotencyKey), hashlib.sha256(body).digest())


def publish(
    topic: str, publication: Publication, sender: str, token_id: UUID, idempotency: Idempotency | None = None
) -> Published:
    """Store messages in a topic's queue, all or none. A missing topic is created, and counts for the token.

    `sender` is that of the messages that name none. With `idempotency` the call is safe to repeat with the token for 24
    hours: it returns the ids of the first call. Raises IdempotencyKeyReused when the key was used with another body;
    Conflict when the token has created too many topics.
    """
    started = time.monotonic()
    [stored] = database.call(
        "SELECT ids, auto, batch_window, replayed FROM broker.publish_unchecked("
        "%(topic)s, %(messages)s::json, %(sender)s, %(token_id)s, %(key)s::text, %(fingerprint)s::bytea)",
        {
            "topic": topic,
            "messages": publication.document,
            "sender": sender,
            "token_id": token_id,
            "key": idempotency and idempotency.key,
            "fingerprint": idempotency and idempotency.fingerprint,
        },
        _Stored,
    )
    telemetry.count("Published", 0 if stored.replayed else len(stored.ids or ()))
    # measured from before the statement to after its commit: Dispatch looks when the window ends
    due = stored.auto and time.monotonic() - started >= stored.batch_window
    return Published(stored.ids, due, stored.replayed)


def _size(message: Message) -> int:
    attributes = b"" if message.attributes is None else msgspec.json.encode(message.attributes)
    labels = (message.sender or "") + (message.key or "")
    return len(bytes(message.content)) + len(attributes) + len(labels.encode())
