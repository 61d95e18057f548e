"""Jobs: what is sent to a subscription, and what came of it. Nothing here knows the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Literal
from uuid import UUID

import msgspec

from broker import retries, signatures, transfers


@dataclass(frozen=True, slots=True)
class Job:
    """A batch to send to one subscription, on lease under `fence`."""

    subscription_id: UUID
    fence: int
    url: str
    headers: msgspec.Raw
    secrets: list[str]
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job: `delivered`, `retry` after `retry_seconds`, or `disable` its subscription."""

    subscription_id: UUID
    fence: int
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    started_at: datetime
    duration_ms: int
    status: int | None
    reason: str | None
    verdict: Literal["delivered", "retry", "disable"]
    retry_seconds: float | None


def request(job: Job) -> transfers.Request:
    """Make the signed request that delivers a job (Standard Webhooks)."""
    body = job.body.encode()
    own = msgspec.json.decode(job.headers, type=dict[str, str])
    signed = signatures.sign(job.secrets, job.webhook_id, datetime.now(UTC), body)
    return transfers.Request(job.url, {**own, "content-type": "application/json", **signed}, body)


def outcome(job: Job, answer: transfers.Answer) -> Outcome:
    """Judge an answer: 2xx is delivered, 410 disables, all else waits for its next try or, after the last, disables."""
    wait = retries.delay(job.attempt)
    delivered = answer.status is not None and HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
    verdict: Literal["delivered", "retry", "disable"] = "delivered" if delivered else "retry"
    if not delivered and (wait is None or answer.status == HTTPStatus.GONE):
        verdict = "disable"
    return Outcome(
        subscription_id=job.subscription_id,
        fence=job.fence,
        webhook_id=job.webhook_id,
        first_seq=job.first_seq,
        last_seq=job.last_seq,
        attempt=job.attempt,
        started_at=answer.started_at,
        duration_ms=round(answer.duration.total_seconds() * 1000),
        status=answer.status,
        reason=answer.reason,
        verdict=verdict,
        retry_seconds=wait.total_seconds() if wait and verdict == "retry" else None,
    )
