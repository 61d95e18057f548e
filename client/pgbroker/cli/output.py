"""How results are printed: NDJSON, JSON, bare values, or a table."""

import sys
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from pgbroker.cli.fields import pick

encode = msgspec.json.Encoder().encode
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class Printer(Protocol):
    """Prints items one by one."""

    is_immediate: bool

    def write(self, item: Any) -> None:
        """Print an item at once if the printer is immediate; else `flush` prints it."""

    def flush(self) -> None:
        """Print what waits."""

    def close(self) -> None:
        """Print the end."""


class Output:
    """Where results go, and in which form. `columns` are the fields that the user wants."""

    def __init__(self, form: str, columns: tuple[str, ...] | None) -> None:
        self.form = form
        self.columns = columns

    def one(self, item: Any, *columns: str) -> None:
        """Print one result. A table has a row for each field; `columns` are what the form raw prints."""
        if self.form == "table":
            from pgbroker.cli.tables import print_fields

            print_fields(item, self.columns)
        elif self.form == "json":
            self.line(msgspec.json.format(encode(self._chosen(item))))
        else:
            with self.rows(*columns) as rows:
                rows.write(item)

    def many(self, items: Iterable[Any], *columns: str) -> None:
        """Print a list. `columns` are what a table shows."""
        with self.rows(*columns) as rows:
            for item in items:
                rows.write(item)

    def rows(self, *columns: str) -> "Rows":
        """Return what prints a list item by item. `columns` are what a table shows."""
        return Rows(self._printer(self.columns or columns))

    def line(self, line: bytes) -> None:
        """Print a line as it is, at once."""
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()

    def text(self, lines: Iterable[str]) -> None:
        """Print lines for people, or for a shell."""
        for line in lines:
            self.line(line.encode("utf-8", "surrogateescape"))

    def _printer(self, columns: Sequence[str]) -> Printer:
        if self.form == "table":
            from pgbroker.cli.tables import Table

            return Table(columns)
        if self.form == "raw":
            return _Lines(lambda item: b"\t".join(bare(pick(item, column)) for column in columns), self.line)
        if self.form == "json":
            return _Array(lambda item: msgspec.json.format(encode(self._chosen(item))), self.line)
        return _Lines(lambda item: one_line(encode(self._chosen(item))), self.line)

    def _chosen(self, item: Any) -> Any:
        return item if self.columns is None else {column: pick(item, column) for column in self.columns}


class Rows:
    """Prints a list item by item, in a `with`: its end prints what is left."""

    def __init__(self, printer: Printer) -> None:
        self.is_immediate = printer.is_immediate
        self.flush = printer.flush
        self._write = printer.write
        self._close = printer.close
        self._is_empty = True

    def write(self, item: Any) -> None:
        """Print an item, at once or at the end."""
        self._is_empty = False
        self._write(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not (self._is_empty or isinstance(error, BrokenPipeError)):
            self._close()


class _Lines:
    is_immediate = True

    def __init__(self, line: Callable[[Any], bytes], out: Callable[[bytes], None]) -> None:
        self._line = line
        self._out = out

    def write(self, item: Any) -> None:
        self._out(self._line(item))

    def flush(self) -> None: ...

    def close(self) -> None: ...


class _Array(_Lines):
    _begun = False

    def write(self, item: Any) -> None:
        self._out(b"," if self._begun else b"[")
        self._begun = True
        super().write(item)

    def close(self) -> None:
        self._out(b"]" if self._begun else b"[]")


def one_line(json: bytes) -> bytes:
    """Return JSON on one line. In JSON a line break is never part of a text."""
    return json.replace(b"\r", b" ").replace(b"\n", b" ") if b"\n" in json or b"\r" in json else json


def bare(value: Any) -> bytes:
    """Return a value without the quotes of JSON, on one line; null is empty."""
    if value is None:
        return b""
    found = encode(value)
    if found.startswith(b'"'):
        return msgspec.json.decode(found, type=str).translate(ESCAPES).encode()
    return one_line(found)
