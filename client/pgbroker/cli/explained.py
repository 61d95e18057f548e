"""The state of a message in words."""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pgbroker.cli.ages import since
from pgbroker.cli.tables import cell, moment
from pgbroker.types import Delivery, TracedMessage

QUIET = "Nothing more happens to it."


def lines(topic: str, message: TracedMessage[Any]) -> Iterator[str]:
    """Yield lines: where the message is, why, what happens next, and where it was delivered."""
    yield f"message  {message.id}"
    yield f"content  {cell(message.content)}"
    yield f"from     {cell(message.sender)}, {_when(message.created_at)}"
    if message.key is not None:
        yield f"key      {cell(message.key)}"
    if message.attributes:
        yield f"with     {', '.join(f'{cell(name)}={cell(value)}' for name, value in message.attributes.items())}"
    where, why, following = _story(topic, message)
    yield f"where    {where}"
    yield f"why      {why}"
    yield f"next     {following}"
    for delivery in message.deliveries or []:
        state, after = _delivery(topic, delivery)
        yield f"  to {cell(delivery.name)}: {state}"
        if after:
            yield f"     {after}"


def _story(topic: str, message: TracedMessage[Any]) -> tuple[str, str, str]:
    match message.state:
        case "waiting":
            return _waiting(topic, message)
        case "leased":
            return (
                f"On lease to a consumer of {topic}, for the {_ordinal(message.receives or 1)} time.",
                f"A consumer took it {_when(message.leased_at)}, and has not settled it yet.",
                f"Unless it is settled before, it is ready again {_when(message.ready_at)}.",
            )
        case "dead":
            return (
                f"It is a dead letter of {topic}.",
                f"{cell(message.reason).capitalize()}; it died {_when(message.died_at)}.",
                f"Nothing by itself. To process it again: pgbroker dead redrive {topic} {message.id}",
            )
        case "broadcast":
            return (
                f"In the log of {topic}, at position {message.seq}.",
                f"A broadcast moved it there {_when(message.broadcast_at)}.",
                _broadcast(message.deliveries or []),
            )
        case "consumed":
            return (
                f"It has left {topic}.",
                "A consumer acknowledged it, or took it with auto_ack.",
                QUIET,
            )


def _waiting(topic: str, message: TracedMessage[Any]) -> tuple[str, str, str]:
    received = (
        f"It was leased {_times(message.receives)} before." if message.receives else "No consumer has leased it yet."
    )
    if message.ready_at is not None and message.ready_at > datetime.now(UTC):
        return (
            f"Delayed in the queue of {topic}.",
            f"It was released or redriven with a delay. {received}",
            f"It is ready {_when(message.ready_at)}.",
        )
    return (
        f"In the queue of {topic}, ready since {_when(message.ready_at)}.",
        received,
        "The next consumer leases it, or the next broadcast moves it to the log.",
    )


def _broadcast(deliveries: list[Delivery]) -> str:
    if not deliveries:
        return f"{QUIET} The topic had no subscription."
    waiting = sum(delivery.state in {"due", "refused", "resent", "paused", "disabled"} for delivery in deliveries)
    return f"{waiting} of {len(deliveries)} subscriptions do not have it yet." if waiting else QUIET


def _delivery(topic: str, delivery: Delivery) -> tuple[str, str]:
    """Return the state at a subscription, and what happens next or what to do."""
    name = shlex.quote(delivery.name)
    tried = f"attempt {delivery.attempt}, {_when(delivery.attempted_at)}" if delivery.attempt else "no attempt yet"
    reason = f": {cell(delivery.reason)}" if delivery.reason else ""
    ahead = f" after {delivery.behind:,} messages before it" if delivery.behind else ""
    match delivery.state:
        case "delivered":
            found = f"delivered, {tried}", ""
        case "due":
            found = f"not delivered yet, {tried}{reason}", f"it is sent {_when(delivery.due_at)} at the earliest{ahead}"
        case "refused":
            found = f"refused, {tried}{reason}", f"it is sent again on its own {_when(delivery.due_at)}"
        case "resent":
            found = f"asked for once more, {tried}", f"it is sent on its own {_when(delivery.due_at)}"
        case "dead":
            found = f"dead, {tried}{reason}", f"again: pgbroker dead redrive {topic} --subscription {name}"
        case "deleted":
            found = "it was a dead letter, and was deleted", ""
        case "lost":
            found = "lost: the subscription was paused or disabled for longer than its backlog_days", ""
        case "paused":
            found = "not delivered yet: the subscription is paused", f"pgbroker subscriptions resume {topic} {name}"
        case "disabled":
            found = f"not delivered yet: it is disabled{reason}", f"pgbroker subscriptions enable {topic} {name}"
    return found


def _when(time: datetime | None) -> str:
    return "at a time that is not known" if time is None else f"{since(time)} ({moment(time)})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
