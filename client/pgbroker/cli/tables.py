"""Results as tables, for people. Times are local on a terminal."""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pgbroker.cli.exits import plain
from pgbroker.cli.fields import fields, pick
from pgbroker.types import Count, Dead, Queued, Waiting

WIDE = 10_000  # a table in a file is not cut
UUID_LENGTH = 36
SHORT = 20


class Table:
    """A list as a table: `write` collects rows, `flush` prints them."""

    is_immediate = False

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = columns
        self._rows: list[list[Any]] = []
        self._printed = False

    def write(self, item: Any) -> None:
        columns = self._columns or tuple(fields(item))
        self._columns = columns
        self._rows.append([pick(item, column) for column in columns])

    def flush(self) -> None:
        if not self._rows:
            return
        table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=not self._printed)
        for number, title in enumerate(name.upper().replace("_", " ") for name in self._columns):
            is_number = all(_is_number(row[number]) for row in self._rows)
            table.add_column(
                title,
                justify="right" if is_number else "left",
                no_wrap=True,
                overflow="ellipsis",
                min_width=max(len(title), _width(row[number] for row in self._rows)),  # the same in each batch
            )
        for row in self._rows:
            table.add_row(*(Text(cell(value)) for value in row))
        console().print(table)
        self._rows = []
        self._printed = True

    def close(self) -> None:
        self.flush()
        if not self._printed:
            print("none", file=sys.stderr)  # noqa: T201  it is no data


def print_fields(item: Any, columns: Sequence[str] | None) -> None:
    """Print one result: a line for each field."""
    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    names = columns or tuple(fields(item))
    for name in names:
        table.add_row(Text(name), Text(cell(pick(item, name))))
    console().print(table)


def console() -> Console:
    """Return the terminal, or a file that is wide enough. Honours NO_COLOR, FORCE_COLOR and TERM=dumb."""
    width = None if sys.stdout.isatty() else WIDE
    plain_text = bool(os.environ.get("NO_COLOR"))  # nothing is bold either
    return Console(
        file=sys.stdout, width=width, color_system=None if plain_text else "auto", highlight=False, markup=False
    )


def cell(value: Any) -> str:
    """Return a value in words, on one line."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case datetime():
            text = moment(value)
        case str():
            text = value
        case int():
            text = f"{value:,}"
        case Queued() | Waiting():
            text = _count(value.waiting, value.estimate, exact=value.exact)
        case Dead():
            text = _count(value.count, value.estimate, exact=value.exact)
        case Count():
            text = f"{value.count:,}" if value.exact else f"over {value.count:,}"
        case _:
            text = msgspec.json.encode(value).decode()
    return plain(text).replace("\n", " ")


def _count(count: int, estimate: int, *, exact: bool) -> str:
    return f"{count:,}" if exact else f"≈ {estimate:,}"


def moment(value: datetime) -> str:
    """Return a time: local on a terminal, RFC 3339 elsewhere."""
    if sys.stdout.isatty():
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    return value.isoformat().replace("+00:00", "Z")


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | Queued | Waiting | Dead) and not isinstance(value, bool))


def _width(values: Iterable[Any]) -> int:
    """Return the width that a column keeps on a narrow terminal: ids and short values are not cut."""
    lengths = {len(cell(value)) for value in values}
    return max((length for length in lengths if length <= SHORT or length == UUID_LENGTH), default=0)
