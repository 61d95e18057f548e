"""Broadcast: move what is ready in a topic's queue to its log, where the subscriptions read."""

import contextlib
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
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
    watched_for: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How many messages were moved, and which topics, as they are busy, are to be moved again after so many seconds."""

    messages: int
    watched_for: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Ready:
    name: str


def broadcast(topic: str) -> Broadcast:
    """Move all that is ready when the call comes, 10,000 messages a transaction, for at most 15 s.

    What is left after that is told as `remaining`, and goes with the next broadcast. Without a subscription nothing is
    moved. Raises NotFound.
    """
    moved = _move_all(topic)
    return Broadcast(moved.messages, moved.subscriptions, moved.first_seq, moved.last_seq, moved.remaining)


def move(topics: Collection[str] | None = None, *, watch: bool = False) -> Progress:
    """Broadcast what is ready in topics that do so by themselves: of those named, or of all.

    It looks again after each commit, until nothing is ready: whoever publishes meanwhile needs to wake nobody. What
    another one is moving is left to that one, who looks again too.

    With `watch` a busy topic is moved once, and then left alone for a while, by everybody: the caller is to move it
    again after that.
    """
    moved = 0
    watched_for: dict[str, float] = {}
    while names := database.call(
        "SELECT name FROM broker.auto_topics(%(topics)s::text[])",
        {"topics": None if topics is None else list(topics)},
        _Ready,
    ):
        before = moved
        for ready in names:
            if deadlines.left() < SPARE_SECONDS:
                return Progress(moved, watched_for)
            with contextlib.suppress(NotFound):  # deleted meanwhile
                found = _move_all(ready.name, skip=True, watch=watch)
                moved += found.messages
                if found.watched_for:
                    watched_for[ready.name] = found.watched_for
        if moved == before:
            break
    return Progress(moved, watched_for)


def _move_all(topic: str, *, skip: bool = False, watch: bool = False) -> _Moved:
    """Move what is ready, chunk by chunk; what they moved together."""
    until = time.monotonic() + min(MOVE_SECONDS, deadlines.left())
    moved = last = _move(topic, None, skip=skip, watch=watch)
    while last.remaining and last.subscriptions and time.monotonic() < until:
        last = _move(topic, last.until, skip=skip, watch=watch)
        moved = replace(
            last,
            messages=moved.messages + last.messages,
            first_seq=moved.first_seq or last.first_seq,
            watched_for=max(moved.watched_for, last.watched_for),
        )
        if not last.messages and not last.buried:
            break  # what remains is being settled by somebody else
    return moved


def _move(topic: str, until: datetime | None, *, skip: bool, watch: bool) -> _Moved:
    [moved] = database.call(
        "SELECT messages, subscriptions, first_seq, last_seq, remaining, until, buried, watched_for"
        " FROM broker.broadcast(%(topic)s, %(until)s::timestamptz, p_skip => %(skip)s, p_watch => %(watch)s)",
        {"topic": topic, "until": until, "skip": skip, "watch": watch},
        _Moved,
    )
    return moved
