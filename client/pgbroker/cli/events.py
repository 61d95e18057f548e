"""The webhooks that `listen` sent: a line each, for people or for programs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from pgbroker.cli.exits import plain
from pgbroker.cli.outcomes import Result
from pgbroker.cli.session import Session

COLORS = {2: "green", 4: "yellow"}  # by the first digit of a status
NO_STATUS = "---"


class Event(msgspec.Struct, frozen=True):
    """One webhook that was sent, and what became of its messages.

    `messages` and `failed` are ids, `again_seconds` is when the first of those that are sent again is ready. `reason`
    says why there is no status. `answer` is the beginning of the response's body.
    """

    at: datetime
    topic: str
    webhook_id: str
    messages: list[str]
    status: int | None
    duration_ms: int
    result: Result
    failed: list[str]
    again_seconds: int | None
    reason: str | None
    answer: str | None


def printer(session: Session, rows: Any, *, quiet: bool) -> Callable[[Event], None]:
    """Return what prints an event; `quiet`: only when a message was not delivered."""
    write = rows.write
    if session.form == "table" and session.columns is None:
        from rich.text import Text

        from pgbroker.cli.tables import console

        terminal = console()

        def write(event: Event) -> None:
            terminal.print(Text.assemble(*_parts(event)), soft_wrap=True)
            terminal.file.flush()

    def show(event: Event) -> None:
        if not quiet or event.result != "delivered" or event.failed:
            write(event)
            rows.flush()

    return show


def _parts(event: Event) -> list[tuple[str, str]]:
    status = NO_STATUS if event.status is None else str(event.status)
    color = COLORS.get((event.status or 0) // 100, "red")
    first, count = event.messages[0], len(event.messages)
    named = first if count == 1 else f"{first} and {count - 1} more"
    parts = [
        (f"{event.at.astimezone():%H:%M:%S}  ", "dim"),
        (f"[{status}]", color),
        (f" {event.duration_ms:>6,} ms  ", "dim"),
        (f"{event.topic}  {named}", ""),
    ]
    return [*parts, (f"  {plain(_words(event))}", color)] if event.result != "delivered" or event.failed else parts


def _words(event: Event) -> str:
    again = f"again in {event.again_seconds} s" if event.again_seconds else "again"
    match event.result:
        case "delivered":
            what = f"{len(event.failed)} failed, each of them {again}"
        case "refused":
            what = f"refused, each {again}"
        case "retry" | "slow":
            what = again
        case "dead":
            what = "dead letters"
        case "disable":
            what = "the endpoint wants nothing more"
    said = event.reason or (event.answer or "").partition("\n")[0]
    return f"{what}: {said}" if said else what
