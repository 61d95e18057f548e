"""What an endpoint's response means: the rules of docs/reference/delivery-rules.md."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import msgspec

from broker.transport.payloads import Action, Job, Outcome
from broker.webhooks import retries
from broker.webhooks.transfer import Response

MAX_ANSWER = 1024  # bytes of a response that are kept
RATE_LIMIT_WAIT = timedelta(seconds=30)  # after a 429 without Retry-After
TEMPORARY = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}  # of the 4xx: the server's trouble, not the message's


class _PartialFailure(msgspec.Struct):
    """The body of a 2xx response that names the messages of a batch which the endpoint did not take."""

    failed: list[UUID]


_PARTIAL_FAILURE = msgspec.json.Decoder(_PartialFailure)


def judge(job: Job, response: Response) -> Outcome:
    """Decide what a response means for its job."""
    failed = _failed_messages(job, response) if _in(response, range(200, 300)) else None
    action, wait = _decide(job, response, failed)
    pause = _pause(job, response) if job.redelivery and action in {"retry", "dead"} else None
    return _outcome(
        job,
        started_at=response.started_at,
        duration_ms=round(response.duration.total_seconds() * 1000),
        status=response.status,
        reason=_reason(response, failed if action == "retry" else None),
        answer=response.body[:MAX_ANSWER].decode(errors="replace").replace("\0", "\ufffd") or None,
        action=action,
        retry_seconds=wait.total_seconds() if wait else None,
        refused=failed if action == "delivered" else None,
        pause_seconds=pause.total_seconds() if pause else None,
    )


def expire(job: Job, planned_at: datetime) -> Outcome:
    """Say that a job was too old to be posted: its lease ends, and Dispatch plans it again."""
    return _outcome(
        job,
        started_at=planned_at,
        duration_ms=0,
        status=None,
        reason=None,
        answer=None,
        action="expired",
        retry_seconds=None,
        refused=None,
    )


def _outcome(job: Job, **found: Any) -> Outcome:
    return Outcome(
        subscription_id=job.subscription_id,
        fence=job.fence,
        webhook_id=job.webhook_id,
        first_seq=job.first_seq,
        last_seq=job.last_seq,
        attempt=job.attempt,
        redelivery=job.redelivery,
        since=job.since,
        **found,
    )


def _decide(job: Job, response: Response, failed: list[UUID] | None) -> tuple[Action, timedelta | None]:
    """Return the action, and how long its next attempt waits."""
    if _in(response, range(200, 300)) and not failed:
        return "delivered", None
    schedule = _schedule(job)
    wait = retries.delay(job.attempt, schedule)
    retry_after = retries.retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    action = _action(job, response, failed, last=wait is None)
    match action:
        case "slow":
            return action, retry_after or retries.delay(1, [RATE_LIMIT_WAIT])
        case "retry":
            return action, max(wait or timedelta(), retry_after)
        case "delivered" | "refused" if job.redelivery is None and not _aborts(response):
            return action, retries.delay(1, schedule)
        case _:
            return action, None


def _action(job: Job, response: Response, failed: list[UUID] | None, *, last: bool) -> Action:
    if response.status == HTTPStatus.GONE:
        return "disable"
    if _in(response, range(200, 300)) and not (failed and (job.ordered or job.redelivery)):
        return "delivered"
    if _aborts(response):
        return "dead" if job.redelivery else "refused"
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "slow"
    refuses = _in(response, range(400, 500)) and response.status not in TEMPORARY
    if refuses and not job.ordered and not job.redelivery:
        return "refused"
    given_up: Action = "dead" if job.redelivery else "disable"
    return given_up if last else "retry"


def _pause(job: Job, response: Response) -> timedelta:
    """How long the subscription pauses after a failed redelivery.

    As Retry-After asks; after no response, at least the first wait of its schedule.
    """
    unreachable = None if response.status else retries.delay(1, _schedule(job))
    retry_after = retries.retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    return max(unreachable or timedelta(), retry_after)


def _schedule(job: Job) -> Sequence[timedelta]:
    return retries.SCHEDULE if job.retry_schedule is None else [timedelta(seconds=s) for s in job.retry_schedule]


def _failed_messages(job: Job, response: Response) -> list[UUID] | None:
    """The messages that a 2xx response names as failed; None when it names none."""
    if not response.body:
        return None
    try:
        named = _PARTIAL_FAILURE.decode(response.body).failed
    except (msgspec.MsgspecError, RecursionError, UnicodeError):  # a body may be anything
        return None
    if job.redelivery:
        named = [each for each in named if each == job.redelivery]
    return named or None


def _aborts(response: Response) -> bool:
    """Whether an endpoint asks never to be sent this again."""
    return response.headers.get("webhook-delivery", "").strip().lower() == "abort-message"


def _in(response: Response, statuses: range) -> bool:
    return response.status is not None and response.status in statuses


def _reason(response: Response, failed: list[UUID] | None) -> str | None:
    if _aborts(response):
        return "the endpoint asked to abort"
    return f"{len(failed)} messages named as failed" if failed else response.reason
