"""`dead`: list, redrive and delete dead letters."""

from typing import Any

import click
import msgspec

from pgbroker.cli.command import command, group
from pgbroker.cli.filters import dead_filters
from pgbroker.cli.names import TOPIC, YES, subscription_id
from pgbroker.cli.pages import LIMIT, PAGE, first
from pgbroker.cli.session import Session
from pgbroker.cli.values import DURATION, given
from pgbroker.types import DeadLetter, Deleted, Page, Redriven

dead = group("dead", "List, redrive and delete dead letters.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only count them.")


@command(dead, examples=("pgbroker dead ls orders", 'pgbroker dead ls orders --reason "no such customer" --since 7d'))
@TOPIC
@LIMIT
@dead_filters
def ls(session: Session, topic: str, limit: int, **filters: Any) -> None:
    """List dead letters, in the order in which they died."""

    def page(**options: Any) -> Page[DeadLetter[Any]]:
        return session.broker.list_dead_letters(topic, type=msgspec.Raw, **options)

    found = session.broker.iterate(page, limit=min(limit, PAGE), **_selected(session, topic, filters))
    session.out.many(first(session, found, limit), "id", "died_at", "receives", "reason", "content")


@command(
    dead,
    examples=(
        'pgbroker dead redrive orders --reason "no such customer" --dry-run',
        'pgbroker dead redrive orders "$DEAD" --delay 1m',
    ),
)
@TOPIC
@click.argument("ids", nargs=-1)
@dead_filters
@click.option("--delay", "delay_seconds", type=DURATION, default=0, help="How long until they are ready.")
@DRY_RUN
def redrive(
    session: Session, topic: str, ids: tuple[str, ...], delay_seconds: int, *, dry_run: bool, **filters: Any
) -> None:
    """Return dead letters to the queue, or send them to their subscription again: those of IDS, or that match.

    Without IDS and filters it is all of them.
    """
    selected = _selected(session, topic, filters)
    matched = redriven = 0
    parts: list[tuple[str, ...] | None] = [ids[begin : begin + PAGE] for begin in range(0, len(ids), PAGE)]
    for part in parts or [None]:
        complete = False
        while not complete:
            done = session.broker.redrive(topic, ids=part, delay_seconds=delay_seconds, dry_run=dry_run, **selected)
            matched, redriven = matched + done.matched, redriven + done.redriven
            complete = done.complete or dry_run  # counting again would begin anew
    session.out.one(Redriven(matched, redriven, complete=True), "redriven")


@command(
    dead,
    examples=(
        "pgbroker dead rm orders --until 7d --dry-run",
        'pgbroker dead rm orders --reason "no such customer" --yes',
    ),
)
@TOPIC
@dead_filters
@DRY_RUN
@YES
def rm(session: Session, topic: str, *, dry_run: bool, yes: bool, **filters: Any) -> None:
    """Delete dead letters with their content: those that match, or all of the queue."""
    selected = _selected(session, topic, filters)
    counted = session.broker.delete_dead_letters(topic, dry_run=True, **selected) if dry_run or not yes else None
    if counted is not None and dry_run:
        session.out.one(counted, "matched")
        return
    if counted is not None:
        session.confirm(f"Delete {counted.matched:,} dead letters of {topic}?", yes=yes)
    matched = deleted = 0
    complete = False
    while not complete:
        done = session.broker.delete_dead_letters(topic, **selected)
        matched, deleted, complete = matched + done.matched, deleted + done.deleted, done.complete
    session.out.one(Deleted(matched, deleted, complete=True), "deleted")


def _selected(session: Session, topic: str, filters: dict[str, Any]) -> dict[str, Any]:
    selected = dict(given(**filters))
    if "subscription" in selected:
        selected["subscription"] = subscription_id(session, topic, selected["subscription"])
    return selected
