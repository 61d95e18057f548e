"""Receipts, from the command line or from what `consume` has printed."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

import click
import msgspec

from pgbroker.cli.content import STANDARD_INPUT
from pgbroker.cli.exits import Refused

if TYPE_CHECKING:
    from io import BufferedReader

MAX_RECEIPTS = 1000  # of a settle
CHUNK_BYTES = 65_536


class _Leased(msgspec.Struct):
    receipt: str | None


def batches(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield receipts as they come, up to 1,000 at a time: the arguments, or the lines of standard input."""
    if arguments and tuple(arguments) != (STANDARD_INPUT,):
        yield from _divided(list(arguments))
        return
    if not arguments and sys.stdin.isatty():
        raise click.UsageError("give receipts, or - to read what `consume` printed from standard input")
    rest = b""
    stream = cast("BufferedReader", sys.stdin.buffer)
    while chunk := stream.read1(CHUNK_BYTES):  # what is there: the lines of a running consume come slowly
        *lines, rest = (rest + chunk).split(b"\n")
        yield from _divided(list(_read(lines)))
    yield from _divided(list(_read([rest])))


def _divided(receipts: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(receipts), MAX_RECEIPTS):
        yield receipts[begin : begin + MAX_RECEIPTS]


def _read(lines: Sequence[bytes]) -> Iterator[str]:
    for line in filter(None, map(bytes.strip, lines)):
        if not line.startswith(b"{"):
            yield line.strip(b'"').decode("utf-8", "replace")
            continue
        try:
            receipt = msgspec.json.decode(line, type=_Leased).receipt
        except msgspec.DecodeError as error:
            raise Refused(f"a line of standard input is none of consume: {error}") from error
        if receipt is None:
            raise Refused("the messages were consumed with --auto-ack: they have no receipts")
        yield receipt
