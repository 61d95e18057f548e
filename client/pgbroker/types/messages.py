"""Messages, in each of the places where they can be."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

Content = TypeVar("Content")


class Message(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A message to publish. `content` is anything that JSON can say, or a `msgspec.Raw` with JSON as it is.

    All of it is 256 KiB at most. `sender` and `key` are 1 to 256 characters; the sender is by default the token's name.
    """

    content: Any
    key: str | None = None
    sender: str | None = None
    attributes: dict[str, str] | None = None


class LeasedMessage(Struct, Generic[Content], frozen=True):
    """A message on lease. Settle its `receipt` before `lease_expires_at`, or it is ready again.

    Both are None with `auto_ack`. `receives` is 1 on the first lease.
    """

    id: str
    receipt: str | None
    content: Content
    sender: str
    key: str | None
    attributes: dict[str, str] | None
    created_at: datetime
    receives: int
    lease_expires_at: datetime | None


class Leased(Struct, Generic[Content], frozen=True):
    """The response to consume."""

    messages: list[LeasedMessage[Content]]


class Release(Struct, frozen=True):
    """Not done. The message is ready again after the delay, 365 days at most."""

    receipt: str
    delay_seconds: int = 0


class Extend(Struct, frozen=True):
    """Not done yet. The lease ends so many seconds from now: 1 to 86,400, by default the topic's."""

    receipt: str
    lease_seconds: int | None = None


class Reject(Struct, frozen=True):
    """Never to be done. The message becomes a dead letter, with this reason."""

    receipt: str
    reason: str | None = None


class Settled(Struct, frozen=True):
    """How many leases ended in which way.

    `gone` lists receipts that were settled before, which does no harm. `stale` lists receipts that were refused,
    because another consumer has leased the message since.
    """

    acked: int
    released: int
    extended: int
    rejected: int
    gone: list[str]
    stale: list[str]


class StoredMessage(Struct, Generic[Content], frozen=True):
    """What a message has wherever it is."""

    id: str
    content: Content
    sender: str
    key: str | None
    attributes: dict[str, str] | None
    created_at: datetime


class WaitingMessage(StoredMessage[Content], Generic[Content], frozen=True):
    """A message in the queue. `ready_at` is in the future while it is on lease or delayed."""

    ready_at: datetime
    leased_at: datetime | None
    receives: int


class DeadLetter(StoredMessage[Content], Generic[Content], frozen=True):
    """A message that was rejected, or whose receives or attempts are exhausted."""

    died_at: datetime
    reason: str
    receives: int


class Delivery(Struct, frozen=True):
    """The state of a broadcast message at one subscription.

    `attempt` is None when there was none, `due_at` unless it is `due` or `refused`, and `behind`, how many messages are
    sent before it, unless it is `due`, `paused` or `disabled`.
    """

    subscription: str
    name: str
    state: Literal["delivered", "due", "refused", "resent", "dead", "deleted", "lost", "paused", "disabled"]
    attempt: int | None
    attempted_at: datetime | None
    due_at: datetime | None
    behind: int | None
    reason: str | None


class TracedMessage(StoredMessage[Content], Generic[Content], frozen=True):
    """A message and its state. What does not belong to the state is None.

    `deliveries` has up to 100 subscriptions of a broadcast message, undelivered ones first.
    """

    state: Literal["waiting", "leased", "dead", "broadcast", "consumed"]
    ready_at: datetime | None
    leased_at: datetime | None
    receives: int | None
    died_at: datetime | None
    reason: str | None
    seq: int | None
    broadcast_at: datetime | None
    deliveries: list[Delivery] | None


class HistoryMessage(StoredMessage[Content], Generic[Content], frozen=True):
    """A message and its state. `seq` is None unless it is broadcast, `reason` unless it is dead."""

    state: Literal["waiting", "leased", "dead", "broadcast", "consumed"]
    seq: int | None
    reason: str | None


class Resent(Struct, frozen=True):
    """A message that is sent once more. Its attempts have this `webhook_id`, and `seq` between their first and last.

    `due_at` is None while the subscription is paused.
    """

    webhook_id: str
    seq: int
    due_at: datetime | None


class Found(Struct, frozen=True):
    """A message or a subscription, and its topic."""

    id: str
    kind: Literal["message", "subscription"]
    topic: str


class Deleted(Struct, frozen=True):
    """How many dead letters matched and were deleted. Unless `complete`, the time was up: repeat the request."""

    matched: int
    deleted: int
    complete: bool


class Redriven(Struct, frozen=True):
    """How many dead letters matched and were redriven. Unless `complete`, the time was up: repeat the request."""

    matched: int
    redriven: int
    complete: bool
