"""Look at dead letters, redrive them, and delete them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict, Unpack

from pgbroker.request import Request, content_reader, get, optional, path, post, reader
from pgbroker.types import DeadLetter, Deleted, Page, Redriven


class ListDeadLetters(TypedDict, total=False):
    """The options of list_dead_letters: those of browse_messages, with times of death.

    `reason` is compared exactly. With `subscription`, its dead letters instead of the queue's.
    """

    limit: int
    after: str | None
    sender: str
    key: str
    reason: str
    subscription: str
    since: datetime
    until: datetime


def list_dead_letters(topic: str, content: Any, **options: Unpack[ListDeadLetters]) -> Request[Page[DeadLetter[Any]]]:
    """List dead letters of the queue, or of a `subscription`, in the order in which they died.

    A page may be shorter than `limit`, or empty, without being the last: see `iterate`.
    """
    return get(path("topics", topic, "dead-letters", **options), content_reader(_Dead, content))


def delete_dead_letters(
    topic: str,
    *,
    sender: str | None = None,
    key: str | None = None,
    reason: str | None = None,
    subscription: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    dry_run: bool = False,
) -> Request[Deleted]:
    """Delete the dead letters that match; without a filter, all of the queue. `dry_run` only counts them.

    Repeat it until the result is `complete`.
    """
    target = path(
        "topics",
        topic,
        "dead-letters",
        sender=sender,
        key=key,
        reason=reason,
        subscription=subscription,
        since=since,
        until=until,
        dry_run=dry_run or None,
    )
    return Request("DELETE", target, reader(Deleted))


def redrive(
    topic: str,
    *,
    ids: Sequence[str] | None = None,
    sender: str | None = None,
    key: str | None = None,
    reason: str | None = None,
    subscription: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    delay_seconds: int = 0,
    dry_run: bool = False,
) -> Request[Redriven]:
    """Return dead letters to the queue, or send them to their subscription again: those of `ids`, or that match.

    `dry_run` only counts them. Repeat it until the result is `complete`.
    """
    payload = optional(
        ids=ids,
        sender=sender,
        key=key,
        reason=reason,
        subscription=subscription,
        since=since,
        until=until,
        delay_seconds=delay_seconds,
        dry_run=dry_run,
    )
    return post(path("topics", topic, "dead-letters", "redrive"), payload, reader(Redriven))


class _Dead:
    """Page[DeadLetter[…]], by the type of the content."""

    def __class_getitem__(cls, content: Any) -> Any:
        return Page[DeadLetter[content]]
