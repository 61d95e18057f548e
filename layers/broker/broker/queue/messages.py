"""Publish: store messages in a topic's queue."""

import hashlib
import time
from dataclasses import asdict, dataclass
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database, json_input
from broker.errors import Fault, TooLarge
from broker.fields import Key, Label

MAX_BYTES = 256 * 1024  # of content and attributes, octets as sent
MAX_BATCH = 1000


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """What a producer publishes: any JSON as content, and labels that the broker stores and hands on."""

    content: msgspec.Raw
    sender: Label | None = None
    key: Label | None = None
    attributes: Annotated[dict[Label, str], msgspec.Meta(max_length=100)] | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """Messages that are published all or none."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class _Shape(msgspec.Struct):
    messages: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Publication:
    """What a producer's request says: the octets of a JSON array of messages, and whether it was a batch."""

    document: str
    many: bool


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Under which key of which token a request publishes, and the SHA-256 of its body."""

    key: str
    token_id: UUID
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """The ids of stored messages, in the order given.

    `unseen` when the topic broadcasts by itself, and nobody is known to look at what was stored: then somebody must be
    woken. `replayed` when it was stored by an earlier request with the same idempotency key.
    """

    ids: list[UUID]
    unseen: bool
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Stored:
    ids: list[UUID]
    auto: bool
    watched_for: float
    replayed: bool


def publication(body: bytes) -> Publication:
    """Read one message, or `{"messages": […]}`. Raises InvalidInput, or TooLarge for a message over 256 KiB.

    The publisher's octets stay as they are: what was checked here is handed on, not written anew.
    """
    shape = json_input.decode(body, _Shape)
    if many := shape.messages is not msgspec.UNSET:
        messages = json_input.decode_again(body, Batch).messages
        document = bytes(shape.messages).decode()
    else:
        messages = [json_input.decode_again(body, Message)]
        document = f"[{body.decode()}]"
    faults = [
        Fault(f"the message is over {MAX_BYTES} octets", f"/messages/{nth}" if many else "")
        for nth, message in enumerate(messages)
        if _octets(message) > MAX_BYTES
    ]
    if faults:
        raise TooLarge(faults=faults)
    return Publication(document, many=many)


def idempotency(key: str | None, token_id: UUID, body: bytes) -> Idempotency | None:
    """Read an Idempotency-Key; None when there is none. Raises InvalidInput."""
    if key is None:
        return None
    return Idempotency(json_input.converted("Idempotency-Key", key, Key), token_id, hashlib.sha256(body).digest())


def publish(topic: str, publication: Publication, sender: str, idempotency: Idempotency | None = None) -> Published:
    """Store the messages in the topic's queue, all or none, creating the topic. `sender` stands where none is named.

    With `idempotency` it is safe to repeat for 24 hours: the first request's ids come back. Raises IdempotencyKeyReused
    when its key stands for another body.
    """
    statement = (
        "SELECT ids, auto, watched_for, replayed FROM broker.publish_batch(%(topic)s, %(messages)s::json, %(sender)s)"
    )
    values: dict[str, object] = {"topic": topic, "messages": publication.document, "sender": sender}
    if idempotency is not None:
        statement = (
            "SELECT ids, auto, watched_for, replayed FROM broker.publish_batch("
            "%(topic)s, %(messages)s::json, %(sender)s, %(key)s, %(token_id)s, %(fingerprint)s)"
        )
        values |= asdict(idempotency)
    begun = time.monotonic()
    [stored] = database.call(statement, values, _Stored)
    # counted from before the database did, and ended after the commit
    unseen = stored.auto and time.monotonic() - begun >= stored.watched_for
    return Published(stored.ids, unseen, stored.replayed)


def _octets(message: Message) -> int:
    attributes = b"" if message.attributes is None else msgspec.json.encode(message.attributes)
    return len(bytes(message.content)) + len(attributes)
