"""Broadcast: move what is ready in a topic's queue to its log, where the subscriptions read."""

import contextlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from broker import database, deadlines
from broker.errors import NotFound

MOVE_SECONDS = 15  # for moving; the rest of the request's time is for sending
SPARE_SECONDS = 12  # a statement may take 10


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
    buried: int


@dataclass(frozen=True, slots=True)
class _Ready:
    name: str


def broadcast(topic: str) -> Broadcast:
    """Move all that is ready when the call comes, 10,000 messages a transaction, for at most 15 s.

    What is left after that is told as `remaining`, and goes with the next broadcast. Without a subscription nothing is
    moved. Raises NotFound.
    """
    return _broadcast(topic, skip=False)


def move(topics: Collection[str] | None = None) -> int:
    """Broadcast what is ready in topics that do so by themselves: of those named, or of all; returns how many messages.

    It looks again after each commit, until nothing is ready: whoever publishes meanwhile needs to wake nobody. What
    another one is moving is left to that one, who looks again too.
    """
    moved = 0
    while names := database.call(
        "SELECT name FROM broker.auto_topics(%(topics)s::text[])",
        {"topics": None if topics is None else list(topics)},
        _Ready,
    ):
        before = moved
        for ready in names:
            if deadlines.left() < SPARE_SECONDS:
                return moved
            with contextlib.suppress(NotFound):  # deleted meanwhile
                moved += _broadcast(ready.name, skip=True).messages
        if moved == before:
            break
    return moved


def _broadcast(topic: str, *, skip: bool) -> Broadcast:
    until = time.monotonic() + min(MOVE_SECONDS, deadlines.left())
    moved = _move(topic, None, skip=skip)
    messages, first_seq = moved.messages, moved.first_seq
    while moved.remaining and moved.subscriptions and time.monotonic() < until:
        moved = _move(topic, moved.until, skip=skip)
        if not moved.messages and not moved.buried:
            break  # what remains is being settled by somebody else
        messages += moved.messages
        first_seq = first_seq or moved.first_seq
    return Broadcast(messages, moved.subscriptions, first_seq, moved.last_seq, moved.remaining)


def _move(topic: str, until: datetime | None, *, skip: bool) -> _Moved:
    [moved] = database.call(
        "SELECT messages, subscriptions, first_seq, last_seq, remaining, until, buried"
        " FROM broker.broadcast(%(topic)s, %(until)s::timestamptz, p_skip => %(skip)s)",
        {"topic": topic, "until": until, "skip": skip},
        _Moved,
    )
    return moved
