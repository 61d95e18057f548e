"""What travels over the queues, in JSON: wake-ups and outcomes to dispatch, jobs to deliver."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from broker import telemetry
from broker.jobs import Job, Outcome
from broker.wakes import Wake

T = TypeVar("T")

MAX_OUTCOMES_OCTETS = 256 * 1024  # a message

_encode = msgspec.json.Encoder().encode


class ToDispatch(msgspec.Struct, frozen=True):
    """A wake-up, or what came of some jobs."""

    wake: Wake | None = None
    outcomes: list[Outcome] | None = None

    def __post_init__(self) -> None:
        if (self.wake is None) == (self.outcomes is None):
            raise ValueError("it is either a wake-up or outcomes")


class ToDeliver(msgspec.Struct, frozen=True):
    """A job, and when it was planned."""

    job: Job
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
    """Write jobs to deliver, one a message."""
    return [_encode(ToDeliver(job, planned_at)).decode() for job in jobs]


def told(outcomes: Sequence[Outcome]) -> list[str]:
    """Write outcomes to dispatch, as many a message as fit."""
    bodies: list[str] = []
    together: list[msgspec.Raw] = []
    octets = 0
    for encoded in map(_encode, outcomes):
        if together and octets + len(encoded) > MAX_OUTCOMES_OCTETS:
            bodies.append(_encode({"outcomes": together}).decode())
            together, octets = [], 0
        together.append(msgspec.Raw(encoded))
        octets += len(encoded)
    if together:
        bodies.append(_encode({"outcomes": together}).decode())
    return bodies
