"""The webhooks that `listen` sent: a line each, for people or for programs."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import msgspec

from pgbroker.cli.exits import plain
from pgbroker.cli.outcomes import Result
from pgbroker.cli.session import Session

COLORS = {2: "green", 4: "yellow"}  # by the first digit of a status
NO_STATUS = "---"
COLUMNS = ("at", "topic", "status", "duration_ms", "result", "webhook_id")


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


@contextmanager
def printer(session: Session, *, quiet: bool) -> Generator[Callable[[Event], None], None, None]:
    """Yield what prints an event; `quiet`: only when a message was not delivered."""
    with ExitStack() as stack:
        if session.form == "table" and session.columns is None:
            write = _line
        else:
            rows = stack.enter_context(session.out.rows(*COLUMNS))

            def write(event: Event) -> None:
                rows.write(event)
                rows.flush()

        yield lambda event: None if quiet and event.result == "delivered" and not event.failed else write(event)


def _line(event: Event) -> None:
    """Print an event for people."""
    from rich.text import Text

    from pgbroker.cli.tables import console

    terminal = console()
    terminal.print(Text.assemble(*_parts(event)), soft_wrap=True)
    terminal.file.flush()


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
