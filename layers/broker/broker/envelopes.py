"""What travels over the queues, in JSON: wake-ups and outcomes to dispatch, jobs to deliver."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from broker import telemetry
from broker.jobs import Job, Outcome
from broker.wakes import Wake

T = TypeVar("T")

MAX_OCTETS = 256 * 1024  # of several outcomes or jobs in one message; a single one may be larger
MAX_JOBS = 10  # a message; so an invocation has up to 100, which wait for their endpoints at the same time

_encode = msgspec.json.Encoder().encode


class ToDispatch(msgspec.Struct, frozen=True):
    """A wake-up, or what came of some jobs."""

    wake: Wake | None = None
    outcomes: list[Outcome] | None = None

    def __post_init__(self) -> None:
        if (self.wake is None) == (self.outcomes is None):
            raise ValueError("it is either a wake-up or outcomes")


class ToDeliver(msgspec.Struct, frozen=True):
    """Jobs, and when they were planned."""

    jobs: list[Job]
    planned_at: Annotated[datetime, msgspec.Meta(tz=True)]


def opened(records: Iterable[Mapping[str, Any]], kind: type[T], route: str) -> Iterator[tuple[str, T]]:
    """Read the records of an SQS event: each message's id, and what it holds.

    One that cannot be read is logged and left out, and so is gone: it would not be better the next time.
    """
    for record in records:
        try:
            yield record["messageId"], msgspec.json.decode(record["body"], type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            telemetry.failure(error, route, record["messageId"])


def again(message_ids: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Answer SQS that these messages shall come again (ReportBatchItemFailures)."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def planned(jobs: Iterable[Job], planned_at: datetime) -> list[str]:
    """Write jobs to deliver, as many a message as fit."""
    together = _together(jobs, MAX_JOBS)
    return [_encode({"jobs": some, "planned_at": planned_at}).decode() for some in together]


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """Write outcomes to dispatch, as many a message as fit."""
    return [_encode({"outcomes": some}).decode() for some in _together(outcomes, len(outcomes))]


def _together(values: Iterable[object], most: int) -> Iterator[list[msgspec.Raw]]:
    together: list[msgspec.Raw] = []
    room = MAX_OCTETS
    for encoded in map(_encode, values):
        if together and (len(together) == most or len(encoded) > room):
            yield together
            together, room = [], MAX_OCTETS
        together.append(msgspec.Raw(encoded))
        room -= len(encoded)
    if together:
        yield together
