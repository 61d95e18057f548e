"""Messages of a topic, batch by batch."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pgbroker.broker import Broker
from pgbroker.cli.ending import Ending
from pgbroker.types import LeasedMessage
from pgbroker.verbs import Consume

Message = LeasedMessage[Any]
LARGE = 4_000_000  # bytes of a response to which more may follow, although it has fewer messages than asked


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken: `maximum` messages in all, `batch_size` at once; `follow`: also those that come later.

    `lease_seconds` None is the topic's. `wait_seconds` is for the first message; with `follow` each time.
    """

    topic: str
    maximum: int
    batch_size: int
    lease_seconds: int | None
    wait_seconds: int
    auto_ack: bool
    follow: bool


def batches(broker: Broker, take: Take, ending: Ending) -> Iterator[list[Message]]:
    """Yield messages as they come: until `maximum`, none is ready, or the end that a signal asks for. Raises Ended."""
    options = Consume(wait_seconds=take.wait_seconds, auto_ack=take.auto_ack)
    if take.lease_seconds is not None:
        options["lease_seconds"] = take.lease_seconds
    left = take.maximum
    while left and not ending.is_requested:
        options["max"] = min(left, take.batch_size)
        messages = broker.consume(take.topic, type=msgspec.Raw, **options)
        if messages:
            left -= len(messages)
            yield messages
        if not take.follow:
            if not messages or (len(messages) < options["max"] and _size(messages) < LARGE):
                return
            options["wait_seconds"] = 0


def _size(messages: list[Message]) -> int:
    return sum(len(bytes(message.content)) for message in messages)
