"""Lines of a file or a pipe, as parts that are each published in one request."""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from pgbroker.cli.content import json_fault
from pgbroker.verbs.messages import MAX_BYTES, MAX_MESSAGES

MAX_LINE_BYTES = 256 * 1024  # of a message
ROOM = MAX_BYTES - 64  # beside what the request itself takes


class BadLine(Exception):
    """A line that cannot be published. Nothing of its part was sent."""

    def __init__(self, number: int, fault: str) -> None:
        super().__init__(f"line {number}: {fault}")


class Part(NamedTuple):
    """Messages of one request, with the numbers of their lines, from 1, and where they begin and end in bytes."""

    begin: int
    end: int
    messages: list[bytes]
    numbers: list[int]

    @property
    def lines(self) -> tuple[int, int]:
        """The first line and the last."""
        return self.numbers[0], self.numbers[-1]

    def digest(self) -> str:
        """Return a hash of what the part stores."""
        found = hashlib.blake2b(digest_size=16)
        for message in self.messages:
            found.update(message)
        return found.hexdigest()


def parts(stream: BinaryIO, message: Callable[[bytes], bytes]) -> Iterator[Part]:
    """Divide the lines into parts; empty lines are left out. `message` makes the JSON of a message of a line.

    Where a part ends depends on the lines before only. So the parts before a line that is mended stay the same.
    Raises BadLine.
    """
    begin = end = size = number = 0
    messages: list[bytes] = []
    numbers: list[int] = []
    while line := stream.readline(MAX_LINE_BYTES + 2):
        number += 1
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise BadLine(number, f"it is over {MAX_LINE_BYTES:,} bytes")
        content = line.strip()
        if content:
            try:
                made = message(content)
            except ValueError as error:
                raise BadLine(number, str(error)) from error
            size += len(made) + 1
            if messages and (len(messages) == MAX_MESSAGES or size > ROOM):
                yield Part(begin, end, messages, numbers)
                begin, size, messages, numbers = end, len(made) + 1, [], []
            messages.append(made)
            numbers.append(number)
        end += len(line)
    if messages:
        yield Part(begin, end, messages, numbers)


def message_of(fields: dict[str, object], *, text: bool) -> Callable[[bytes], bytes]:
    """Return what makes the JSON of a message of a line: JSON, or with `text` any text. It raises ValueError."""
    rest = msgspec.json.encode({name: value for name, value in fields.items() if value is not None})
    after = b"}" if rest == b"{}" else b"," + rest[1:]
    decode = msgspec.json.Decoder().decode

    def of_json(line: bytes) -> bytes:
        try:
            decode(line)  # all of it: a line that is no value, but looks like one, would end the message
        except (ValueError, RecursionError):
            if fault := json_fault(line):
                raise ValueError(f"it is not JSON: {fault}") from None
        return b'{"content":' + line + after

    def of_text(line: bytes) -> bytes:
        return b'{"content":' + msgspec.json.encode(line.decode("utf-8")) + after

    return of_text if text else of_json
