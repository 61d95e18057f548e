"""Broadcast: move what is ready in a topic's queue to its log, where the subscriptions read."""

import time
from dataclasses import dataclass
from datetime import datetime

from broker import database, deadlines

MOVE_SECONDS = 15  # for moving; the rest of the request's time is for sending


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What a broadcast moved. `first_seq` is None when nothing was; `remaining` is exact up to 10,000."""

    messages: int
    subscriptions: int
    first_seq: int | None
    last_seq: int
    remaining: int


@dataclass(frozen=True, slots=True)
class _Moved(Broadcast):
    until: datetime


def broadcast(topic: str) -> Broadcast:
    """Move all that is ready when the call comes, 10,000 messages a transaction, for at most 15 s.

    What is left after that is told as `remaining`, and goes with the next broadcast. Without a subscription nothing is
    moved. Raises NotFound.
    """
    until = time.monotonic() + min(MOVE_SECONDS, deadlines.left())
    moved = _move(topic, None)
    messages, first_seq = moved.messages, moved.first_seq
    while moved.remaining and moved.subscriptions and time.monotonic() < until:
        moved = _move(topic, moved.until)
        if not moved.messages:
            break  # what remains is being settled by somebody else
        messages += moved.messages
        first_seq = first_seq or moved.first_seq
    return Broadcast(messages, moved.subscriptions, first_seq, moved.last_seq, moved.remaining)


def _move(topic: str, until: datetime | None) -> _Moved:
    [moved] = database.call(
        "SELECT messages, subscriptions, first_seq, last_seq, remaining, until"
        " FROM broker.broadcast(%(topic)s, %(until)s::timestamptz)",
        {"topic": topic, "until": until},
        _Moved,
    )
    return moved
