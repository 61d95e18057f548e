"""How the command ends: its exit codes, and what it says of an error."""

import json
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

import click

DONE = 0
REFUSED = 1  # the broker, or the command itself, refuses what is asked
USAGE = 2
NOT_REACHED = 3  # no answer, an answer of 5xx, or one that is not the broker's
FORBIDDEN = 4  # 401, 403
IN_PART = 5  # some of it is done: the result says what
INTERRUPTED = 130


class Refused(click.ClickException):
    """The command refuses what is asked."""

    exit_code = REFUSED


class Misused(click.ClickException):
    """What the command needs is missing or wrong, beside its arguments: a file, the environment, a confirmation."""

    exit_code = USAGE


class Stopped(Exception):
    """Not all is done. The message says why, and what is; `code` is the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def report(error: BaseException, *, as_json: bool) -> int:
    """Print an error to standard error, and return the exit code. Raises what is not known here."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError | click.UsageError):
        error.show()
        return error.exit_code
    if isinstance(error, click.ClickException):
        _print({"title": "refused", "detail": error.format_message()} if as_json else error.format_message())
        return error.exit_code
    if isinstance(error, Stopped):
        _print({"title": "stopped", "detail": str(error)} if as_json else str(error))
        return error.code
    if isinstance(error, KeyboardInterrupt) or (
        isinstance(error, click.Abort) and not isinstance(error.__cause__, EOFError)
    ):
        return INTERRUPTED
    if isinstance(error, click.Abort):
        _print({"title": "refused", "detail": "nothing was answered"} if as_json else "nothing was answered")
        return REFUSED
    return _report_broker_error(error, as_json=as_json)


def _report_broker_error(error: BaseException, *, as_json: bool) -> int:
    from httpx2 import InvalidURL

    from pgbroker.errors import BrokerError, Problem

    if isinstance(error, InvalidURL):
        return report(Misused(f"the url cannot be one: {error}"), as_json=as_json)
    if not isinstance(error, BrokerError):
        raise error
    if isinstance(error, Problem):
        _print(_problem(error) if as_json else _words(error))
    else:
        _print({"title": _title(error), "detail": str(error)} if as_json else str(error))
    return code(error)


def code(error: Exception) -> int:
    """Return the exit code of an error of the client."""
    from pgbroker.errors import Forbidden, Problem, PublishedInPart, StaleReceipt, Unauthorized

    if isinstance(error, Unauthorized | Forbidden):
        return FORBIDDEN
    if isinstance(error, StaleReceipt | PublishedInPart):
        return IN_PART
    if isinstance(error, Problem):
        return REFUSED if 400 <= error.status < 500 else NOT_REACHED  # noqa: PLR2004  the class of a request's faults
    return NOT_REACHED


def _problem(error: Any) -> dict[str, Any]:
    faults = [
        {name: value for name in ("detail", "pointer", "parameter") if (value := getattr(fault, name)) is not None}
        for fault in error.errors
    ]
    found = {
        "type": error.type,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "request_id": error.request_id,
    }
    return {**found, "errors": faults} if faults else found


def _words(error: Any) -> str:
    from pgbroker.errors import Unauthorized

    lines = [error.detail or error.title, *(f"  {fault}" for fault in error.errors)]
    if isinstance(error, Unauthorized):
        lines.append("  set TOKEN, or store a token with `pgbroker login`")
    if error.status >= 500 and error.request_id:  # noqa: PLR2004  the class of the server's errors
        lines.append(f"  the broker's log has it under {error.request_id}")
    return "\n".join(lines)


def _title(error: BaseException) -> str:
    return "".join(f" {each.lower()}" if each.isupper() else each for each in type(error).__name__).strip()


def _print(what: dict[str, Any] | str) -> None:
    say(json.dumps(what, ensure_ascii=False) if isinstance(what, dict) else f"Error: {plain(what)}")


def say(text: str) -> None:
    """Print a line to standard error, if something still reads it."""
    try:
        click.echo(text, err=True)
    except BrokenPipeError:
        discard(sys.stderr)


def plain(text: str) -> str:
    """Return a text without characters that steer a terminal: they may come from a publisher."""
    return "".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in text)


def discard(stream: TextIO) -> None:
    """Let nothing more be written to a pipe that is closed, as Python does at its end."""
    with suppress(OSError, ValueError):  # it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
