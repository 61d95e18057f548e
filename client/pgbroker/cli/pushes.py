"""Webhooks of leased messages, byte for byte as the broker sends them: docs/reference/delivery-rules.md."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec

from pgbroker import verbs
from pgbroker.request import Request, encode, reader

MAX_BYTES = 400_000  # of the messages of a webhook; one message always fits
NULL = b"null"
AROUND_BYTES = 400  # that the broker counts for each message, beside its content


class QueuedMessage(msgspec.Struct, frozen=True):
    """A message on lease, its content and attributes as they were published."""

    id: str
    receipt: str
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw
    created_at: datetime
    receives: int


class Answer(msgspec.Struct, frozen=True):
    """The response to consume."""

    messages: list[QueuedMessage]


class Push(msgspec.Struct, frozen=True):
    """One webhook: its id, its body, and the messages that are in it. `again`: it is one that was refused before."""

    webhook_id: str
    body: bytes
    messages: list[QueuedMessage]
    again: bool


class _Message(msgspec.Struct):
    id: str
    seq: int
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw
    created_at: str


class _Body(msgspec.Struct):
    topic: str
    subscription: str
    messages: list[_Message]


def lease(topic: str, *, maximum: int, lease_seconds: int, wait_seconds: int) -> Request[Answer]:
    """Ask for messages, whose attributes stay as they are."""
    asked = verbs.consume(topic, msgspec.Raw, max=maximum, lease_seconds=lease_seconds, wait_seconds=wait_seconds)
    return Request(asked.method, asked.path, reader(Answer), asked.body, asked.headers)


class Subscription:
    """What a subscription of the topic would be sent.

    A message of a queue has no position in the log: here it gets the next number, from 1 on, and keeps it when it comes
    again. `id` is made up.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.id = str(uuid4())
        self._numbers = itertools.count(1)
        self._seqs: dict[str, int] = {}
        self._alone: set[str] = set()

    def send_alone(self, ids: Iterable[str]) -> None:
        """Send these messages one by one when they come again."""
        self._alone.update(ids)

    def forget(self, ids: Iterable[str]) -> None:
        """These messages do not come again."""
        for each in ids:
            self._seqs.pop(each, None)
            self._alone.discard(each)

    def pushes(self, messages: Iterable[QueuedMessage]) -> Iterator[Push]:
        """Yield webhooks: the messages together as far as they fit, and then one by one those that were refused."""
        for message in messages:
            if message.id not in self._seqs:
                self._seqs[message.id] = next(self._numbers)
        ordered = sorted(messages, key=lambda message: self._seqs[message.id])
        for batch in _fitting(message for message in ordered if message.id not in self._alone):
            digest = hashlib.sha256(b"".join(UUID(message.id).bytes for message in batch)).hexdigest()
            yield self._push(batch, digest[:16])
        for message in ordered:
            if message.id in self._alone:
                yield self._push([message], "again")

    def _push(self, messages: list[QueuedMessage], name: str) -> Push:
        body = encode(_Body(self.topic, self.id, [self._written(message) for message in messages]))
        return Push(f"{self.id}_1_{messages[0].id}_{name}", body, messages, name == "again")

    def _written(self, message: QueuedMessage) -> _Message:
        return _Message(
            message.id,
            self._seqs[message.id],
            message.content,
            message.sender,
            message.key,
            message.attributes,
            f"{message.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        )


def _fitting(messages: Iterable[QueuedMessage]) -> Iterator[list[QueuedMessage]]:
    batch: list[QueuedMessage] = []
    total = 0
    for message in messages:
        size = _size(message)
        if batch and total + size > MAX_BYTES:
            yield batch
            batch, total = [], 0
        batch.append(message)
        total += size
    if batch:
        yield batch


def _size(message: QueuedMessage) -> int:
    """Count the bytes of a message as the broker does: as a string in JSON."""
    parts = [bytes(message.content), encode(message.sender)]
    parts += [each for each in (bytes(message.attributes), encode(message.key)) if each != NULL]
    return AROUND_BYTES + len(encode(b"".join(parts).decode()))
