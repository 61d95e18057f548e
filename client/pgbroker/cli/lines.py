"""`publish --lines`: any number of messages, in several requests at once, with little memory."""

import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from pgbroker.cli import exits
from pgbroker.cli.parts import BadLine, Part, message_of, parts
from pgbroker.cli.progress import bar
from pgbroker.cli.publication import Publication
from pgbroker.cli.session import Session
from pgbroker.errors import BrokerError, Problem

POINTER = re.compile(r"/messages/(\d+)(.*)")


def publish_lines(
    session: Session,
    topic: str,
    file: Path | None,
    fields: dict[str, Any],
    *,
    idempotency_key: str | None,
    concurrency: int,
    text: bool,
    progress: bool,
) -> None:
    """Publish each line of a file, or of standard input, and print how many were. Raises exits.Stopped."""
    started = time.monotonic()
    with (
        Publication(session, topic, _keys(file, idempotency_key), concurrency) as publication,
        _open(file) as stream,
        bar(_size(stream), shown=progress and sys.stderr.isatty()) as advance,
    ):
        try:
            for part in parts(stream, message_of(fields, text=text)):
                publication.add(part)
                advance(publication.bytes, publication.messages)
            publication.finish()
        except (BadLine, BrokerError, KeyboardInterrupt) as error:
            _stop(publication, error)
        advance(publication.bytes, publication.messages)
    if publication.replayed:
        session.note(f"{publication.replayed:,} of the messages were stored before.")
    session.out.one(
        {
            "messages": publication.messages,
            "replayed": publication.replayed,
            "requests": publication.requests,
            "seconds": round(time.monotonic() - started, 3),
        },
        "messages",
    )


def _stop(publication: Publication, error: BadLine | BrokerError | KeyboardInterrupt) -> None:
    """Wait for what is under way, and raise exits.Stopped. A second Ctrl-C ends the process at once."""
    try:
        publication.abandon()
    except KeyboardInterrupt:
        os._exit(exits.INTERRUPTED)
    stored = f"{publication.messages:,} messages are stored{_ranges(publication)}."
    if isinstance(error, BadLine):
        raise exits.Stopped(f"{error}\n{stored}", exits.REFUSED) from error
    if isinstance(error, BrokerError):
        raise exits.Stopped(f"{_words(publication.failed, error)}\n{stored}", exits.code(error)) from error
    raise exits.Stopped(f"interrupted\n{stored}", exits.INTERRUPTED) from error


def _ranges(publication: Publication) -> str:
    ranges = [(1, publication.until)] if publication.until else []
    ranges += publication.beyond
    return ": lines " + ", ".join(f"{first} to {last}" for first, last in ranges) if ranges else ""


def _words(part: Part | None, error: BrokerError) -> str:
    """Return an error with the numbers of lines in place of the pointers into the request."""
    if part is None:
        return str(error)
    if not isinstance(error, Problem) or not error.errors:
        return f"lines {part.lines[0]} to {part.lines[1]}: {error}"
    lines: list[str] = []
    for fault in error.errors:
        found = POINTER.match(fault.pointer or "")
        lines.append(f"line {part.numbers[int(found[1])]}: {found[2]} {fault.detail}" if found else str(fault))
    return "\n".join(line.replace(":  ", ": ") for line in lines)


def _keys(file: Path | None, given: str | None) -> Callable[[Part], str]:
    """Return what makes the idempotency key of a part.

    That of a file's part is made of its path, its place and its content: parts before and after a line that is mended
    keep theirs. Standard input without a given key has new ones in each run.
    """
    if given is not None or file is None:
        key = given or str(uuid4())
        return lambda part: f"{key}:{part.begin}"
    path = str(file.resolve())
    return lambda part: hashlib.sha256(f"{path}\n{part.begin}\n{part.digest()}".encode()).hexdigest()


def _open(file: Path | None) -> BinaryIO:
    return sys.stdin.buffer if file is None else file.open("rb")


def _size(stream: BinaryIO) -> int | None:
    """Return the bytes of a file, also when it is standard input; None for a pipe."""
    try:
        return os.fstat(stream.fileno()).st_size or None
    except OSError:
        return None
