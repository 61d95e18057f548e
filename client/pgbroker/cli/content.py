"""JSON and texts from the command line, a file or standard input."""

import json
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from pgbroker.cli.exits import Refused
from pgbroker.cli.session import Session

decode = msgspec.json.Decoder().decode
STANDARD_INPUT = "-"


def read_all(session: Session, argument: str | None, file: Path | None = None) -> bytes:
    """Return the argument as bytes, or the content of a file, or of standard input for `-` or no argument.

    Raises UsageError when standard input is a terminal and nothing says that it is meant.
    """
    if argument not in {None, STANDARD_INPUT}:
        return str(argument).encode("utf-8", "surrogateescape")
    if file is not None and str(file) != STANDARD_INPUT:
        return file.read_bytes()
    if argument is None and file is None and sys.stdin.isatty():
        raise click.UsageError("give the content, or - to read it from standard input")
    if sys.stdin.isatty():
        session.note("Reading from the terminal; Ctrl-D ends it.")
    return sys.stdin.buffer.read()


def check_json(text: bytes, what: str) -> None:
    """Raise Refused for what is not exactly one JSON value."""
    if fault := json_fault(text):
        raise Refused(f"{what} is not JSON: {fault}")


def json_fault(text: bytes) -> str | None:
    """Say why a text is not exactly one JSON value; None when it is one.

    Numbers that msgspec cannot hold are JSON all the same (RFC 8259, 6).
    """
    try:
        decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            json.loads(text, parse_constant=_refuse, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            return str(error)
    return None


def _refuse(name: str) -> Any:
    raise ValueError(name)
