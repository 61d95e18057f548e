"""Jobs: what is sent to a subscription, and what came of it. Nothing here knows the database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal
from uuid import UUID

import msgspec

from broker import retries, transfers

SEND_SECONDS = 17  # a webhook has 15; what came of it must also be recorded, or told
MAX_ANSWER = 1024  # octets of an answer that are kept
SLOW = timedelta(seconds=30)  # of a 429 that does not say how long
OUTAGES = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}  # of the 4xx: the server's trouble, not the message's


class Job(msgspec.Struct, frozen=True):
    """What to send to a subscription, on lease under `fence`: a batch of its log, or one message as a `redelivery`.

    `headers` are all that matter, the signature's too: the secrets stay with who plans.
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


Verdict = Literal["delivered", "refused", "retry", "slow", "dead", "disable"]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a job. What a verdict means stands at record_attempts, which is told it."""

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
    answer: str | None  # its first 1,024 octets
    verdict: Verdict
    retry_seconds: float | None
    refused: list[UUID] | None  # messages of a delivered batch
    pause_seconds: float | None = None  # of the whole subscription, after a redelivery that failed


class _Partly(msgspec.Struct):
    """What an endpoint may answer that took a batch, but not all of it."""

    failed: list[UUID]


_PARTLY = msgspec.json.Decoder(_Partly)


def request(job: Job) -> transfers.Request:
    """Make the request that delivers a job."""
    return transfers.Request(job.url, job.headers, job.body.encode())


def outcome(job: Job, answer: transfers.Answer) -> Outcome:
    """Judge what an endpoint answered, by the rules of docs/delivery.md."""
    refused = _failed(job, answer) if _is(answer, range(200, 300)) else None
    verdict, wait = _judged(job, answer, refused)
    pause = _pause(job, answer) if job.redelivery and verdict in {"retry", "dead"} else None
    return Outcome(
        subscription_id=job.subscription_id,
        fence=job.fence,
        webhook_id=job.webhook_id,
        first_seq=job.first_seq,
        last_seq=job.last_seq,
        attempt=job.attempt,
        redelivery=job.redelivery,
        started_at=answer.started_at,
        duration_ms=round(answer.duration.total_seconds() * 1000),
        status=answer.status,
        reason=_reason(answer, refused if verdict == "retry" else None),
        answer=answer.body[:MAX_ANSWER].decode(errors="replace").replace("\0", "\ufffd") or None,
        verdict=verdict,
        retry_seconds=wait.total_seconds() if wait else None,
        refused=refused if verdict == "delivered" else None,
        pause_seconds=pause.total_seconds() if pause else None,
    )


def _judged(job: Job, answer: transfers.Answer, refused: list[UUID] | None) -> tuple[Verdict, timedelta | None]:
    """The verdict, and how long what comes of it waits."""
    if _is(answer, range(200, 300)) and not refused:
        return "delivered", None
    schedule = _schedule(job)
    wait = retries.delay(job.attempt, schedule)
    asked = retries.asked(answer.headers.get("retry-after"), datetime.now(UTC))
    verdict = _verdict(job, answer, refused, last=wait is None)
    match verdict:
        case "slow":
            return verdict, asked or retries.delay(1, [SLOW])
        case "retry":
            return verdict, max(wait or timedelta(), asked)
        case "delivered" | "refused" if job.redelivery is None and not _aborts(answer):
            return verdict, retries.delay(1, schedule)
        case _:
            return verdict, None


def _pause(job: Job, answer: transfers.Answer) -> timedelta:
    """How long nothing else is sent after a redelivery failed: as long as was asked, a little without an answer."""
    away = None if answer.status else retries.delay(1, _schedule(job))
    return max(away or timedelta(), retries.asked(answer.headers.get("retry-after"), datetime.now(UTC)))


def _schedule(job: Job) -> Sequence[timedelta]:
    return retries.SCHEDULE if job.retry_schedule is None else [timedelta(seconds=s) for s in job.retry_schedule]


def _verdict(job: Job, answer: transfers.Answer, refused: list[UUID] | None, *, last: bool) -> Verdict:
    if answer.status == HTTPStatus.GONE:
        return "disable"
    if _is(answer, range(200, 300)) and not (refused and (job.ordered or job.redelivery)):
        return "delivered"
    if _aborts(answer):
        return "dead" if job.redelivery else "refused"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "slow"
    refuses = _is(answer, range(400, 500)) and answer.status not in OUTAGES
    if refuses and not job.ordered and not job.redelivery:
        return "refused"
    given_up: Verdict = "dead" if job.redelivery else "disable"
    return given_up if last else "retry"


def _failed(job: Job, answer: transfers.Answer) -> list[UUID] | None:
    """The messages that an endpoint took with its answer, but names as failed; None when it names none."""
    if not answer.body:
        return None
    try:
        named = _PARTLY.decode(answer.body).failed
    except (msgspec.MsgspecError, RecursionError, UnicodeError):  # whatever an endpoint may answer
        return None
    if job.redelivery:
        named = [each for each in named if each == job.redelivery]
    return named or None


def _aborts(answer: transfers.Answer) -> bool:
    """Whether an endpoint asks never to be sent this again."""
    return answer.headers.get("webhook-delivery", "").strip().lower() == "abort-message"


def _is(answer: transfers.Answer, statuses: range) -> bool:
    return answer.status is not None and answer.status in statuses


def _reason(answer: transfers.Answer, refused: list[UUID] | None) -> str | None:
    if _aborts(answer):
        return "the endpoint asked to abort"
    return f"{len(refused)} messages named as failed" if refused else answer.reason
