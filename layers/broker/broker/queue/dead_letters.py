"""Dead letters: messages that were rejected, or are out of receives. List them, give them back, delete them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database, deadlines, pagination
from broker.fields import DelaySeconds, Label, Reason

MAX_IDS = 1000
SPARE_SECONDS = 12  # a statement may take 10


class Filter(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead letters are meant; all of the queue, by default. `since` and `until` (not included): when they died.

    With `subscription`, those that this subscription refused until its tries were used up.
    """

    subscription: UUID | None = None
    sender: Label | None = None
    key: Label | None = None
    reason: Reason | None = None
    since: pagination.Time | None = None
    until: pagination.Time | None = None


class List(Filter, forbid_unknown_fields=True):
    """The query of a list of dead letters."""

    limit: pagination.Limit = 100
    after: pagination.Place | None = None


class Delete(Filter, forbid_unknown_fields=True):
    """The query of a deletion. With `dry_run` nothing is deleted."""

    dry_run: bool = False


class Redrive(Filter, forbid_unknown_fields=True):
    """The request to give dead letters back: those with these ids, or those of a filter. With `dry_run` none is."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_IDS)] | None = None
    delay_seconds: DelaySeconds = 0
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.ids is not None and any((self.sender, self.key, self.reason, self.since, self.until)):
            raise ValueError("ids stand alone, without a filter")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that is not given out, or sent to a subscription, any more: since when, why, after how many tries."""

    id: UUID
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw | None
    created_at: datetime
    died_at: datetime
    reason: str
    receives: int


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many dead letters were meant, and given back. Not `complete`: the time was up; ask again."""

    matched: int
    redriven: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many dead letters were meant, and deleted. Not `complete`: the time was up; ask again."""

    matched: int
    deleted: int
    complete: bool


@dataclass(frozen=True, slots=True)
class _Changed:
    matched: int
    changed: int
    next: str | None


def listed(topic: str, wish: List) -> tuple[list[DeadLetter], str | None]:
    """List dead letters in the order in which they died, and where to go on (None: that was all).

    A part may be short, or empty, and yet not the last: no more than 10,000 are looked at for it. Raises NotFound.
    """
    return pagination.split(
        database.call(
            "SELECT id, content, sender, key, attributes, created_at, died_at, reason, receives, next"
            " FROM broker.list_dead_letters(%(topic)s, %(filter)s::json, %(after)s::text, %(limit)s)",
            {"topic": topic, "filter": pagination.filters(wish), "after": wish.after, "limit": wish.limit},
            pagination.row(DeadLetter),
        )
    )


def redrive(topic: str, wish: Redrive) -> Redriven:
    """Give dead letters back to the queue, with their ids, to be received as often again as the topic allows.

    An id that is no dead letter of the topic is not counted. Raises NotFound.
    """
    return Redriven(
        *_all(
            "SELECT matched, changed, next FROM broker.redrive(%(topic)s, %(filter)s::json, %(delay_seconds)s,"
            " %(dry_run)s, %(after)s::text)",
            {
                "topic": topic,
                "filter": pagination.filters(wish),
                "delay_seconds": wish.delay_seconds,
                "dry_run": wish.dry_run,
            },
        )
    )


def delete(topic: str, wish: Delete) -> Deleted:
    """Delete dead letters, content and all. Raises NotFound."""
    return Deleted(
        *_all(
            "SELECT matched, changed, next FROM broker.delete_dead_letters(%(topic)s, %(filter)s::json, %(dry_run)s,"
            " %(after)s::text)",
            {"topic": topic, "filter": pagination.filters(wish), "dry_run": wish.dry_run},
        )
    )


def _all(statement: str, values: dict[str, object]) -> tuple[int, int, bool]:
    """How many a verb matched and changed, and whether that was all: it is called until then, or the time is up."""
    matched = changed = 0
    after: str | None = None
    while True:
        [done] = database.call(statement, {**values, "after": after}, _Changed)
        matched, changed, after = matched + done.matched, changed + done.changed, done.next
        if after is None or deadlines.left() < SPARE_SECONDS:
            return matched, changed, after is None
