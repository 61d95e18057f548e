"""Push what subscriptions have not had: plan batches, send them, record what came of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from broker import database, deadlines, jobs, settings, transfers, webhooks
from broker.jobs import Job, Outcome

LEASE_SECONDS = 60  # a batch that nobody recorded by then is planned again
CONCURRENCY, MOST = 100, 500  # batches planned ahead: and where they are answered before the database has more
LOOK_AGAIN = timedelta(milliseconds=1)  # whether the database is done


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
    sent, room = 0, CONCURRENCY
    answers: list[tuple[Job, transfers.Answer]] = []
    with (
        ThreadPoolExecutor(1) as beside,  # while the database records and plans, webhooks leave
        webhooks.Sender[Job](allow_private=settings.current().allow_private_webhooks) as sender,
    ):
        planned = beside.submit(_record_and_plan, [], topic, room)
        while True:
            if not planned.done():
                if len(sender):
                    answers += sender.answers(LOOK_AGAIN)
                    continue
                room = min(2 * room, MOST)
            for job in planned.result():
                sender.post(jobs.request(job), job)
            if not answers:
                room = CONCURRENCY
                answers = sender.answers(timedelta(seconds=max(0.0, min(jobs.SEND_SECONDS, deadlines.left()))))
            if not answers:
                return sent
            outcomes = [jobs.outcome(job, answer) for job, answer in answers]
            planned = beside.submit(_record_and_plan, outcomes, topic, room - len(sender))
            sent += len(answers)
            answers = []


def _record_and_plan(outcomes: Sequence[Outcome], topic: str | None, limit: int) -> list[Job]:
    if outcomes:
        record(outcomes)
    return plan(topic, limit) if deadlines.left() > jobs.SEND_SECONDS else []


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
