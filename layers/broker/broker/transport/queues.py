"""The two queues between Dispatch and Deliver: at SQS, or in this process's memory where the settings name none."""

import time
import uuid
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

import msgspec

from broker import settings
from broker.transport import sqs
from broker.transport.payloads import Record

MAX_RECEIVED = 10  # messages that a function gets at once
VISIBILITY_SECONDS = 180  # as in template.yaml


class Queue(Protocol):
    """Where messages are sent to. Each is a JSON document below 1 MiB."""

    def send(self, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
        """Send messages, hidden for `delay`: whole seconds, 15 minutes at most. Raises sqs.NotSent."""


class SqsQueue(msgspec.Struct, frozen=True):
    """A queue at SQS, whose answers to a send are waited for `seconds` in all."""

    url: str
    seconds: float = sqs.SEND_SECONDS

    def send(self, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
        """Send messages in as few calls as SQS allows."""
        sqs.send_batch(self.url, bodies, delay, self.seconds)


class _Message(msgspec.Struct):
    body: str
    visible_at: float
    receives: int = 0


class MemoryQueue:
    """A queue in this process, as far as the push loop needs one: delays, and messages that are shown again."""

    def __init__(self) -> None:
        self._messages: dict[str, _Message] = {}

    def send(self, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
        """Add messages."""
        visible_at = time.time() + delay.total_seconds()
        self._messages |= {str(uuid.uuid4()): _Message(body, visible_at) for body in bodies}

    def receive(self) -> list[Record]:
        """Return up to ten visible messages as the records of an event, and hide them for the visibility time-out."""
        records: list[Record] = []
        now = time.time()
        for message_id, message in self._messages.items():
            if message.visible_at <= now:
                message.visible_at = now + VISIBILITY_SECONDS
                message.receives += 1
                attributes = {"ApproximateReceiveCount": str(message.receives)}
                records.append({"messageId": message_id, "body": message.body, "attributes": attributes})
                if len(records) == MAX_RECEIVED:
                    break
        return records

    def delete(self, message_ids: Collection[str]) -> None:
        """Delete messages that were received."""
        for message_id in message_ids:
            del self._messages[message_id]

    def clear(self) -> None:
        """Delete all messages."""
        self._messages.clear()


dispatch_in_memory, delivery_in_memory = MemoryQueue(), MemoryQueue()


def dispatch(seconds: float = sqs.SEND_SECONDS) -> Queue:
    """Return DispatchQueue, which takes wake-ups and outcomes. A send to it ends after `seconds`."""
    url = settings.current().dispatch_queue_url
    return SqsQueue(url, seconds) if url else dispatch_in_memory


def delivery() -> Queue:
    """Return DeliveryQueue, which takes jobs."""
    url = settings.current().delivery_queue_url
    return SqsQueue(url) if url else delivery_in_memory
