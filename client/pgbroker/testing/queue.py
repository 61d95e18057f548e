"""The queue of one topic in memory, with the rules of the broker's: leases that end, receipts that are fenced."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from pgbroker.types import Extend, LeasedMessage, Message, Reject, Release, Settled, WaitingMessage

LEASE_SECONDS = 30
MAX_RECEIVES = 10
SENDER = "memory"

Lease = str | Release | Extend | Reject


class Consume(Struct, forbid_unknown_fields=True):
    """The body of a consume."""

    max: int = 10
    lease_seconds: int | None = None
    wait_seconds: int = 0
    auto_ack: bool = False


class Settle(Struct, forbid_unknown_fields=True):
    """The body of a settle."""

    ack: list[str] = []
    release: list[str | Release] = []
    extend: list[str | Extend] = []
    reject: list[str | Reject] = []


class Stored(Struct):
    """A message that waits, or is dead when `reason` says why."""

    id: str
    content: Raw
    sender: str
    key: str | None
    attributes: dict[str, str] | None
    created_at: float
    ready_at: float
    leased_at: float | None = None
    receives: int = 0
    reason: str | None = None


class Queue:
    """The messages of a topic, by their ids. Times are seconds of the given clock."""

    def __init__(self, clock: Callable[[], float], new_id: Callable[[float], str]) -> None:
        self._clock = clock
        self._new_id = new_id
        self._messages: dict[str, Stored] = {}

    def publish(self, message: Message) -> str:
        now = self._clock()
        content = message.content if isinstance(message.content, Raw) else Raw(msgspec.json.encode(message.content))
        stored = Stored(self._new_id(now), content, message.sender or SENDER, message.key, message.attributes, now, now)
        self._messages[stored.id] = stored
        return stored.id

    def waiting(self) -> Iterator[WaitingMessage[Raw]]:
        """Yield the messages that wait, leased and delayed ones too, in the order in which consumers get them."""
        for message in sorted(self._alive(), key=lambda each: (each.ready_at, each.id)):
            yield WaitingMessage(
                message.id,
                message.content,
                message.sender,
                message.key,
                message.attributes,
                _time(message.created_at),
                _time(message.ready_at),
                _time(message.leased_at),
                message.receives,
            )

    def dead(self) -> dict[str, str]:
        """Return why each dead letter died, by its id."""
        return {each.id: each.reason for each in self._messages.values() if each.reason is not None}

    def consume(self, options: Consume) -> list[LeasedMessage[Raw]]:
        now = self._clock()
        ends_at = now + (options.lease_seconds or LEASE_SECONDS)
        leased: list[LeasedMessage[Raw]] = []
        for message in sorted(self._alive(), key=lambda each: (each.ready_at, each.id)):
            if message.ready_at > now or len(leased) == options.max:
                break
            if message.receives >= MAX_RECEIVES:
                message.reason = "receives exhausted"
                continue
            message.receives += 1
            message.leased_at, message.ready_at = now, ends_at
            leased.append(
                LeasedMessage(
                    message.id,
                    None if options.auto_ack else f"{message.id}.{message.receives}",
                    message.content,
                    message.sender,
                    message.key,
                    message.attributes,
                    datetime.fromtimestamp(message.created_at, UTC),
                    message.receives,
                    None if options.auto_ack else _time(ends_at),
                )
            )
            if options.auto_ack:
                del self._messages[message.id]
        return leased

    def settle(self, given: Settle) -> Settled:
        now = self._clock()
        gone: list[str] = []
        stale: list[str] = []

        def held(leases: Sequence[Lease]) -> Iterator[tuple[Stored, Lease]]:
            for lease in leases:
                receipt = lease if isinstance(lease, str) else lease.receipt
                message_id, _, fence = receipt.partition(".")
                message = self._messages.get(message_id)
                if message and message.receives > int(fence):
                    stale.append(receipt)
                elif message is None or message.leased_at is None:
                    gone.append(receipt)
                else:
                    yield message, lease

        acked = list(held(given.ack))
        for message, _ in acked:
            del self._messages[message.id]
        released = list(held(given.release))
        for message, lease in released:
            message.leased_at = None
            message.ready_at = now + (lease.delay_seconds if isinstance(lease, Release) else 0)
            message.reason = "receives exhausted" if message.receives >= MAX_RECEIVES else None
        extended = list(held(given.extend))
        for message, lease in extended:
            message.ready_at = now + ((isinstance(lease, Extend) and lease.lease_seconds) or LEASE_SECONDS)
        rejected = list(held(given.reject))
        for message, lease in rejected:
            message.leased_at = None
            message.reason = (isinstance(lease, Reject) and lease.reason) or "rejected"
        return Settled(len(acked), len(released), len(extended), len(rejected), gone, stale)

    def _alive(self) -> Iterator[Stored]:
        return (each for each in self._messages.values() if each.reason is None)


def is_receipt(text: str) -> bool:
    """Whether the text has the form of a receipt."""
    message_id, _, receives = text.partition(".")
    try:
        return str(UUID(message_id)) == message_id and receives.isdecimal()
    except ValueError:
        return False


def _time(seconds: float | None) -> Any:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
