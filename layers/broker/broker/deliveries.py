"""Push what subscriptions have not had: plan batches, send them, record what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from broker import database, deadlines, jobs, settings, webhooks
from broker.jobs import Job, Outcome

SEND_SECONDS = 17  # a webhook has 15; what is started must also be recorded
LEASE_SECONDS = 60  # a batch that nobody recorded by then is planned again
CONCURRENCY = 100


@dataclass(frozen=True, slots=True)
class _Recorded:
    current: int


@dataclass(frozen=True, slots=True)
class _Due:
    due_at: datetime | None


def run(topic: str | None = None) -> int:
    """Push until nothing is due or the time is too short to begin another request; returns how many were sent.

    Of one topic, or of all. Several may run at once: each batch is planned by one of them. An endpoint that is slow
    holds up no other's next batch.
    """
    sent = 0
    with webhooks.Sender[Job](allow_private=settings.current().allow_private_webhooks) as sender:
        while True:
            if deadlines.left() > SEND_SECONDS:
                for job in plan(topic, CONCURRENCY - len(sender)):
                    sender.post(jobs.request(job), job)
            if not len(sender):
                return sent
            answers = sender.answers(timedelta(seconds=max(0.0, min(SEND_SECONDS, deadlines.left()))))
            if not answers:
                return sent
            record([jobs.outcome(job, answer) for job, answer in answers])
            sent += len(answers)


def plan(topic: str | None, limit: int, lease_seconds: int = LEASE_SECONDS) -> list[Job]:
    """Lease the subscriptions that are due, and read the next batch of each; an empty list when none is."""
    if limit <= 0:
        return []
    return database.call(
        "SELECT subscription_id, fence, url, headers, secrets, webhook_id, first_seq, last_seq, attempt,"
        " retry_schedule, ordered, redelivery, body"
        " FROM broker.plan_batches(%(topic)s::text, %(limit)s, %(lease)s)",
        {"topic": topic, "limit": limit, "lease": lease_seconds},
        Job,
    )


def record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes. One whose lease another planner has taken over is noted as an attempt, no more."""
    database.call(
        "SELECT broker.record_attempts(%(outcomes)s::json) AS current",
        {"outcomes": msgspec.json.encode(outcomes).decode()},
        _Recorded,
    )


def next_due() -> datetime | None:
    """When the next batch is due: not later than now when one is due already, None when nothing is owed."""
    [due] = database.call("SELECT broker.next_due() AS due_at", {}, _Due)
    return due.due_at
