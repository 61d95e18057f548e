"""Broadcast: move the ready messages of a topic's queue to its log, where the subscriptions read."""

import contextlib
import time
from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from broker import database, deadlines, telemetry
from broker.errors import NotFound

MOVE_SECONDS = 15  # for moving; the rest of the request's time is for sending


class StartBroadcast(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a broadcast. With `dry_run` the messages are only counted."""

    dry_run: bool = False


class Broadcast(msgspec.Struct, frozen=True):
    """What a broadcast moved. `first_seq` is None when it moved nothing; `remaining` is exact up to 10,000.

    `due`: a subscription may be sent something, so Dispatch must be notified.
    """

    messages: int
    subscriptions: int
    first_seq: int | None
    last_seq: int
    remaining: int
    due: bool = False


class _Moved(Broadcast, frozen=True, kw_only=True):
    until: datetime
    exhausted: int
    batch_window: float


class Progress(msgspec.Struct, frozen=True):
    """How many messages were moved, and the busy topics, which the caller moves again after so many seconds."""

    messages: int
    batch_windows: Mapping[str, float]


def broadcast(topic: str, request: StartBroadcast | None = None) -> Broadcast:
    """Move all messages that are ready at the time of the call, 10,000 a transaction, for at most 15 s.

    `remaining` counts those left for the next broadcast. Without a subscription nothing moves. Raises NotFound.

    With `dry_run` nothing moves: `messages` is how many would, up to 10,000, and `remaining` is above 0 when there are
    more.
    """
    if request is not None and request.dry_run:
        return _preview(topic)
    moved = _move_all(topic)
    return Broadcast(
        moved.messages, moved.subscriptions, moved.first_seq, moved.last_seq, moved.remaining, due=moved.due
    )


def _preview(topic: str) -> Broadcast:
    [counted] = database.call(
        "SELECT messages, subscriptions, NULL AS first_seq, last_seq, remaining"
        " FROM broker.preview_broadcast(%(topic)s)",
        {"topic": topic},
        Broadcast,
    )
    return counted


def move(topics: Collection[str] | None = None, *, open_windows: bool = False, sweep: bool = False) -> Progress:
    """Broadcast the ready messages of auto topics: of those named, or (None) of those that are due.

    With `sweep` and no names it looks at all of them, whatever says that they are due.

    It looks again after each commit until nothing is ready, so that a message published while it runs is not left
    behind. A topic that another session is moving is left to that session, which looks again too.

    With `open_windows` a busy topic is moved once, and its batch window opens: no session moves it until the window
    ends, and then the caller must.
    """
    moved = 0
    batch_windows: dict[str, float] = {}
    while names := _ready_topics(topics, sweep=sweep):
        before = moved
        for name in names:
            if not deadlines.allow(deadlines.STEP_SECONDS):
                return Progress(moved, batch_windows)
            with contextlib.suppress(NotFound):  # deleted since
                found = _move_all(name, skip=True, open_window=open_windows)
                moved += found.messages
                if found.batch_window:
                    batch_windows[name] = found.batch_window
        if moved == before:
            break
    return Progress(moved, batch_windows)


def _ready_topics(topics: Collection[str] | None, *, sweep: bool) -> list[str]:
    names: list[str] = database.value(
        "SELECT array(SELECT name FROM broker.auto_topics(%(topics)s::text[], %(sweep)s))",
        {"topics": None if topics is None else list(topics), "sweep": sweep},
    )
    return names


def _move_all(topic: str, *, skip: bool = False, open_window: bool = False) -> _Moved:
    """Move what is ready, chunk by chunk; return their sum."""
    until = time.monotonic() + min(MOVE_SECONDS, deadlines.left())
    moved = last = _move(topic, None, skip=skip, open_window=open_window)
    while last.remaining and last.subscriptions and time.monotonic() < until:
        last = _move(topic, last.until, skip=skip, open_window=open_window)
        moved = msgspec.structs.replace(
            last,
            messages=moved.messages + last.messages,
            first_seq=moved.first_seq or last.first_seq,
            due=moved.due or last.due,
            batch_window=max(moved.batch_window, last.batch_window),
        )
        if not last.messages and not last.exhausted:
            break  # other sessions hold what remains
    return moved


def _move(topic: str, until: datetime | None, *, skip: bool, open_window: bool) -> _Moved:
    [moved] = database.call(
        "SELECT messages, subscriptions, first_seq, last_seq, remaining, due, until, exhausted, batch_window"
        " FROM broker.broadcast(%(topic)s, %(until)s::timestamptz, p_skip => %(skip)s,"
        " p_open_window => %(open_window)s)",
        {"topic": topic, "until": until, "skip": skip, "open_window": open_window},
        _Moved,
    )
    telemetry.count("Broadcast", moved.messages)
    telemetry.count("Dead", moved.exhausted)
    return moved
