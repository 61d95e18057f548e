"""Look at what waits without taking it, trace one message, cancel it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from broker import database, pagination
from broker.errors import NotFound
from broker.fields import Label


class Browse(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list of what waits. `since` and `until` (not included) are about the time of publishing."""

    limit: pagination.Limit = 100
    after: pagination.Place | None = None
    sender: Label | None = None
    key: Label | None = None
    since: pagination.Time | None = None
    until: pagination.Time | None = None


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message that waits in its queue. `ready_at` lies ahead while it is on lease or delayed."""

    id: UUID
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw | None
    created_at: datetime
    ready_at: datetime
    leased_at: datetime | None
    receives: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a broadcast message at one subscription.

    `state` is delivered, due, refused (it is sent again on its own), dead, lost, paused or disabled. `attempt` is the
    last one (None: none, or too long ago), `behind` how many messages are sent before it.
    """

    subscription: UUID
    name: str
    state: Literal["delivered", "due", "refused", "dead", "lost", "paused", "disabled"]
    attempt: int | None
    attempted_at: datetime | None
    due_at: datetime | None
    behind: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class TracedMessage:
    """One message and its fate: waiting, leased, dead, broadcast (its place in the log is `seq`) or consumed.

    `deliveries` are a broadcast one's fates at the subscriptions that were there for it, 100 at most: those first that
    it was not delivered to.
    """

    id: UUID
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw | None
    created_at: datetime
    fate: str
    ready_at: datetime | None
    leased_at: datetime | None
    receives: int | None
    died_at: datetime | None
    reason: str | None
    seq: int | None
    deliveries: list[Delivery] | None


@dataclass(frozen=True, slots=True)
class _Done:
    done: object


def browse(topic: str, wish: Browse) -> tuple[list[WaitingMessage], str | None]:
    """List what waits, in the order in which it will be taken, and where to go on (None: that was all).

    A part may be short, or empty, and yet not the last: no more than 10,000 messages are looked at for it. Raises
    NotFound for an unknown topic. A message that is leased or released meanwhile changes its place.
    """
    return pagination.split(
        database.call(
            "SELECT id, content, sender, key, attributes, created_at, ready_at, leased_at, receives, next"
            " FROM broker.browse_messages(%(topic)s, %(filter)s::json, %(after)s::text, %(limit)s)",
            {"topic": topic, "filter": pagination.filters(wish), "after": wish.after, "limit": wish.limit},
            pagination.row(WaitingMessage),
        )
    )


def trace(topic: str, message_id: UUID) -> TracedMessage:
    """Read one message and what became of it. Raises NotFound for an unknown topic or message."""
    found = database.call(
        "SELECT id, content, sender, key, attributes, created_at, fate, ready_at, leased_at, receives,"
        " died_at, reason, seq, deliveries"
        " FROM broker.read_message(%(topic)s, %(id)s)",
        {"topic": topic, "id": message_id},
        _traced,
    )
    if not found:
        raise NotFound("the topic has no such message")
    return found[0]


def cancel(topic: str, message_id: UUID) -> None:
    """Delete a message that waits or is dead. Raises NotFound, and Conflict when it is on lease or was delivered."""
    database.call("SELECT broker.cancel_message(%(topic)s, %(id)s) AS done", {"topic": topic, "id": message_id}, _Done)


def _traced(*, deliveries: msgspec.Raw | None, **columns: Any) -> TracedMessage:
    fates = None if deliveries is None else msgspec.json.decode(deliveries, type=list[Delivery])
    return TracedMessage(deliveries=fates, **columns)
