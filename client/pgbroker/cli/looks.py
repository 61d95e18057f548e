"""`status --watch`: look at a broker again and again."""

import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from sys import maxsize
from typing import Any

from pgbroker.broker import Broker
from pgbroker.cli.direct import direct
from pgbroker.cli.exits import DONE, plain
from pgbroker.cli.passing import passes, pause
from pgbroker.cli.session import Session
from pgbroker.cli.surveys import COLUMNS, History, Survey, survey
from pgbroker.errors import BrokerError

Show = Callable[[Survey | None, str | None], None]


def watch(session: Session, topics: list[str], most: int, seconds: int, polls: int | None) -> None:
    """Show topics every so many seconds. Raises what the broker refuses for good."""
    with direct(session, Broker) as broker, _screen(session) as show:
        for found, error in _looks(broker, topics, most, seconds, polls or maxsize):
            show(found, error)


def _looks(
    broker: Broker, names: list[str], limit: int, seconds: int, polls: int
) -> Iterator[tuple[Survey | None, str | None]]:
    """Yield what each look found, and its error: then that of the last one that found something.

    Raises what the broker refuses for good.
    """
    found: Survey | None = None
    failures = 0
    for number in range(polls):
        rest: float = seconds
        try:
            found = survey(broker, names, limit)
        except BrokerError as error:
            if not passes(error, connected=found is not None):
                raise
            failures += 1
            rest = max(rest, pause(error, failures))
            yield found, f"{str(error).rstrip('.')}. Trying again in {rest:.0f} s."
        else:
            failures = 0
            yield found, None
        if number < polls - 1:
            time.sleep(rest)


@contextmanager
def _screen(session: Session) -> Generator[Show, None, None]:
    """Yield what shows a look: on a terminal in place of the last one, elsewhere a line for each topic."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        if session.form == "table" and session.columns is None and sys.stdout.isatty():
            with _live(History()) as show:
                yield show
        else:
            with session.out.rows(*COLUMNS) as rows:
                yield _lines(session, rows)
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _live(history: History) -> Generator[Show, None, None]:
    from rich.live import Live

    from pgbroker.cli.pictures import watched
    from pgbroker.cli.tables import console

    terminal = console()
    with Live(console=terminal, auto_refresh=False, vertical_overflow="ellipsis") as live:

        def show(found: Survey | None, error: str | None) -> None:
            if found is not None and error is None:
                history.add(found)
            live.update(watched(found, error and plain(error), terminal, history), refresh=True)

        yield show


def _lines(session: Session, rows: Any) -> Show:
    noted = False

    def show(found: Survey | None, error: str | None) -> None:
        nonlocal noted
        if error is not None:
            if not noted:
                session.note(error)
            noted = True
        elif found is not None:
            noted = False
            for each in found.statuses:
                rows.write(each)
            rows.flush()

    return show


def _end(*_: object) -> None:
    raise SystemExit(DONE)
