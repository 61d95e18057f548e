"""Browse waiting messages without taking them, trace one message, cancel it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from broker import database, hidden_urls, pagination
from broker.errors import NotFound
from broker.fields import Label, StoredMessage, Time


class Browse(pagination.Query, forbid_unknown_fields=True):
    """The query of a list of waiting messages. `since` and `until` (not included) bound the time of publishing."""

    after: pagination.PageToken | None = None
    sender: Label | None = None
    key: Label | None = None
    since: Time | None = None
    until: Time | None = None


class WaitingMessage(StoredMessage, frozen=True):
    """A message that waits in its queue. `ready_at` is in the future while it is on lease or delayed."""

    ready_at: datetime
    leased_at: datetime | None
    receives: int


class Delivery(msgspec.Struct, frozen=True):
    """The delivery of a broadcast message to one subscription.

    `state` is delivered, due, refused (the message is sent again on its own), resent (it waits to be sent once more, as
    somebody asked), dead, deleted (it was dead), lost, paused or disabled. `attempt` is the last one (None: none, or
    too long ago), `behind` how many messages are sent before this one.
    """

    subscription: UUID
    name: str
    state: Literal["delivered", "due", "refused", "resent", "dead", "deleted", "lost", "paused", "disabled"]
    attempt: int | None
    attempted_at: datetime | None
    due_at: datetime | None
    behind: int | None
    reason: str | None


class TracedMessage(StoredMessage, frozen=True):
    """One message and its state: waiting, leased, dead, broadcast (its position in the log is `seq`) or consumed.

    `deliveries` has the state at each subscription that existed at the broadcast, 100 at most: undelivered ones first.
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


def browse(topic: str, request: Browse) -> pagination.Page[WaitingMessage]:
    """List waiting messages in the order in which consumers get them.

    A page may be short, or empty, without being the last: a call reads at most 10,000 messages. A message that is
    leased or released between two pages moves to another position. Raises NotFound for an unknown topic.
    """
    return pagination.fetch(
        "SELECT id, content, sender, key, attributes, created_at, ready_at, leased_at, receives, next"
        " FROM broker.browse_messages(%(topic)s, %(filter)s::json, %(after)s::text, %(limit)s)",
        topic,
        request,
        WaitingMessage,
    )


def trace(topic: str, message_id: UUID, *, whole: bool = True) -> TracedMessage:
    """Read one message, its state and its deliveries. Raises NotFound for an unknown topic or message.

    Without `whole`, the name of a subscription that is a url is cut after its host: it may have a secret.
    """
    found = database.call(
        "SELECT id, content, sender, key, attributes, created_at, state, ready_at, leased_at, receives,"
        " died_at, reason, seq, broadcast_at, deliveries"
        " FROM broker.trace_message(%(topic)s, %(id)s)",
        {"topic": topic, "id": message_id},
        _traced,
    )
    if not found:
        raise NotFound("the topic has no such message")
    return found[0] if whole else _hide(found[0])


def cancel(topic: str, message_id: UUID) -> None:
    """Delete a message that waits or is dead. Raises NotFound; Conflict when it is leased, consumed or broadcast."""
    database.value("SELECT broker.cancel_message(%(topic)s, %(id)s)", {"topic": topic, "id": message_id})


def _hide(traced: TracedMessage) -> TracedMessage:
    deliveries = traced.deliveries and [
        msgspec.structs.replace(delivery, name=hidden_urls.hide_path(delivery.name)) for delivery in traced.deliveries
    ]
    return msgspec.structs.replace(traced, deliveries=deliveries)


def _traced(*, deliveries: msgspec.Raw | None, **columns: Any) -> TracedMessage:
    decoded = None if deliveries is None else msgspec.json.decode(deliveries, type=list[Delivery])
    return TracedMessage(deliveries=decoded, **columns)
