"""Dead letters: messages that were rejected, or whose receives are exhausted. List, redrive or delete them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database, deadlines, pagination
from broker.fields import DelaySeconds, Label, Reason, StoredMessage, Time

MAX_IDS = 1000


class Filter(msgspec.Struct, forbid_unknown_fields=True):
    """Which dead letters to select; by default all of the queue. `since` and `until` (not included): when they died.

    With `subscription`, those that this subscription refused until its attempts were exhausted.
    """

    subscription: UUID | None = None
    sender: Label | None = None
    key: Label | None = None
    reason: Reason | None = None
    since: Time | None = None
    until: Time | None = None


class List(Filter, forbid_unknown_fields=True):
    """The query of a list of dead letters."""

    limit: pagination.Limit = 100
    after: pagination.PageToken | None = None


class Delete(Filter, forbid_unknown_fields=True):
    """The query of a deletion. With `dry_run` they are only counted."""

    dry_run: bool = False


class Redrive(Filter, forbid_unknown_fields=True):
    """The request to redrive dead letters, by ids or by a filter. With `dry_run` they are only counted."""

    ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MAX_IDS)] | None = None
    delay_seconds: DelaySeconds = 0
    dry_run: bool = False

    def __post_init__(self) -> None:
        if self.ids is not None and any((self.sender, self.key, self.reason, self.since, self.until)):
            raise ValueError("give either ids or a filter")


class DeadLetter(StoredMessage, frozen=True):
    """A message that no consumer, or one subscription, gets any more.

    It has the time, the reason and the number of attempts.
    """

    died_at: datetime
    reason: str
    receives: int


class Redriven(msgspec.Struct, frozen=True):
    """How many dead letters matched, and were redriven. Not `complete`: the time was up, so ask again.

    `due`: they may be sent, so Dispatch must be notified.
    """

    matched: int
    redriven: int
    complete: bool
    due: bool = False


class Deleted(msgspec.Struct, frozen=True):
    """How many dead letters matched, and were deleted. Not `complete`: the time was up, so ask again."""

    matched: int
    deleted: int
    complete: bool


class _Changed(msgspec.Struct, frozen=True):
    matched: int
    changed: int
    next: str | None
    due: bool = False


def list_dead_letters(topic: str, request: List) -> pagination.Page[DeadLetter]:
    """List dead letters in the order in which they died.

    A page may be short, or empty, without being the last: a call reads at most 10,000. Raises NotFound.
    """
    return pagination.fetch(
        "SELECT id, content, sender, key, attributes, created_at, died_at, reason, receives, next"
        " FROM broker.list_dead_letters(%(topic)s, %(filter)s::json, %(after)s::text, %(limit)s)",
        topic,
        request,
        DeadLetter,
    )


def redrive(topic: str, request: Redrive) -> Redriven:
    """Return dead letters to the queue with their ids, to be received as often again as the topic allows.

    An id that is not a dead letter of the topic is not counted. Raises NotFound.
    """
    done = _repeat(
        "SELECT matched, changed, next, due FROM broker.redrive(%(topic)s, %(filter)s::json, %(delay_seconds)s,"
        " %(dry_run)s, %(after)s::text)",
        {
            "topic": topic,
            "filter": pagination.encode_filter(request),
            "delay_seconds": request.delay_seconds,
            "dry_run": request.dry_run,
        },
    )
    return Redriven(done.matched, done.changed, complete=done.next is None, due=done.due)


def delete(topic: str, request: Delete) -> Deleted:
    """Delete dead letters with their content. Raises NotFound."""
    done = _repeat(
        "SELECT matched, changed, next FROM broker.delete_dead_letters(%(topic)s, %(filter)s::json, %(dry_run)s,"
        " %(after)s::text)",
        {"topic": topic, "filter": pagination.encode_filter(request), "dry_run": request.dry_run},
    )
    return Deleted(done.matched, done.changed, complete=done.next is None)


def _repeat(statement: str, values: dict[str, object]) -> _Changed:
    """Call a verb until it is complete (`next` is None) or the time is up; return the sum."""
    [done] = database.call(statement, {**values, "after": None}, _Changed)
    while done.next is not None and deadlines.allow(deadlines.STEP_SECONDS):
        [more] = database.call(statement, {**values, "after": done.next}, _Changed)
        done = _Changed(done.matched + more.matched, done.changed + more.changed, more.next, done.due or more.due)
    return done
