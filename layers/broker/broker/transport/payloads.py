"""What travels over the two queues, as JSON: wake-ups and outcomes to Dispatch, jobs to Deliver.

SQS may lose, repeat, delay or reorder a payload: the database knows what is due.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from broker import telemetry
from broker.fields import Time

T = TypeVar("T")

MAX_BYTES = 256 * 1024  # of several outcomes or jobs in one message; a single one may be larger
NO_LEASE = 0  # the fence of a test
MAX_JOBS = 10  # a message; so an invocation has up to 100, which wait for their endpoints at the same time
MAX_DELAY = timedelta(seconds=900)  # SQS's own
SHORT_WAIT = timedelta(seconds=0.5)  # SQS delays by whole seconds: Dispatch itself waits for so little

Record = Mapping[str, Any]  # a message, as Lambda gives it to a function
_encode = msgspec.json.Encoder().encode


class Job(msgspec.Struct, frozen=True):
    """One POST to a subscription, on lease under `fence`: a batch of its log, or one message as a `redelivery`.

    With the fence NO_LEASE it is a test: its outcome is stored as an attempt, and changes nothing.

    `headers` are all that matter, the signature's too: the secrets stay with Dispatch. `since`: for so long its first
    message waits, from its publish in an auto topic, else from its broadcast.
    """

    subscription_id: UUID
    fence: int
    url: str
    headers: dict[str, str]
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    retry_schedule: list[int] | None  # seconds; None: the broker's own
    ordered: bool
    redelivery: UUID | None  # the message
    body: str
    since: Time | None = None


Action = Literal["delivered", "refused", "retry", "slow", "dead", "disable", "expired"]


class Outcome(msgspec.Struct, frozen=True):
    """The result of one attempt. record_attempts.sql defines what each action does."""

    subscription_id: UUID
    fence: int
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    redelivery: UUID | None
    started_at: datetime
    duration_ms: int
    status: int | None
    reason: str | None
    answer: str | None  # its first 1,024 bytes
    action: Action
    retry_seconds: float | None
    refused: list[UUID] | None  # messages of a delivered batch
    pause_seconds: float | None = None  # of the whole subscription, after a redelivery that failed
    since: Time | None = None  # that of the job


class WakeUp(msgspec.Struct, frozen=True, omit_defaults=True):
    """Ask Dispatch to look at `topic` (None: at all topics), not before `not_before` (None: now).

    `sweep`: wake-ups and jobs may be lost. Schedule a new wake-up, and one for the end of the leases of now.
    """

    topic: str | None = None
    not_before: Time | None = None
    sweep: bool = False

    def delay(self, now: datetime) -> timedelta:
        """How long SQS must delay it: whole seconds, 15 minutes at most. Zero from SHORT_WAIT before its time on."""
        if self.not_before is None or self.not_before - now <= SHORT_WAIT:
            return timedelta()
        seconds = -((now - self.not_before) // timedelta(seconds=1))  # rounded up
        return min(MAX_DELAY, timedelta(seconds=seconds))


SWEEP = WakeUp(sweep=True)


_TestId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f-]{36}_0_[0-9a-f-]{36}_test\Z")]


class ToDispatch(msgspec.Struct, frozen=True):
    """A message of DispatchQueue: a wake-up, or the outcomes of some jobs, or the webhook-id of a test to send."""

    wake_up: WakeUp | None = None
    outcomes: list[Outcome] | None = None
    test: _TestId | None = None

    def __post_init__(self) -> None:
        if [self.wake_up, self.outcomes, self.test].count(None) != 2:  # noqa: PLR2004
            raise ValueError("it is a wake-up, outcomes or a test")


class ToDeliver(msgspec.Struct, frozen=True):
    """A message of DeliveryQueue: jobs, and when they were planned."""

    jobs: list[Job]
    planned_at: Time


def decode(records: Iterable[Record], kind: type[T], route: str) -> Iterator[tuple[str, T]]:
    """Read the records of an SQS event: the id of each message, and its payload.

    Unreadable messages are logged and dropped; retrying would not help.
    """
    for record in records:
        try:
            yield record["messageId"], msgspec.json.decode(record["body"], type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            telemetry.log_failure(error, route, record["messageId"])


def encode_wake_up(wake_up: WakeUp) -> str:
    """Write a wake-up as a message of DispatchQueue."""
    return _encode({"wake_up": wake_up}).decode()


def encode_test(webhook_id: str) -> str:
    """Write the webhook-id of a test as a message of DispatchQueue."""
    return _encode({"test": webhook_id}).decode()


def encode_outcomes(outcomes: Sequence[Outcome]) -> list[str]:
    """Write outcomes as messages of DispatchQueue, as many in one as fit."""
    return [_encode({"outcomes": some}).decode() for some in _groups(outcomes, len(outcomes))]


def encode_jobs(jobs: Iterable[Job], planned_at: datetime) -> list[str]:
    """Write jobs as messages of DeliveryQueue, as many in one as fit."""
    return [_encode({"jobs": some, "planned_at": planned_at}).decode() for some in _groups(jobs, MAX_JOBS)]


def batch_failures(message_ids: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Ask SQS to show these messages again (ReportBatchItemFailures)."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def wake_up_at(moment: datetime) -> WakeUp:
    """Make a wake-up for all topics, at `moment`, or in a second when that is later."""
    return WakeUp(not_before=max(moment.astimezone(UTC), datetime.now(UTC) + timedelta(seconds=1)))


def _groups(values: Iterable[object], most: int) -> Iterator[list[msgspec.Raw]]:
    group: list[msgspec.Raw] = []
    room = MAX_BYTES
    for encoded in map(_encode, values):
        if group and (len(group) == most or len(encoded) > room):
            yield group
            group, room = [], MAX_BYTES
        group.append(msgspec.Raw(encoded))
        room -= len(encoded)
    if group:
        yield group
