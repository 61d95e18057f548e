"""Push what subscriptions have not had: plan batches, send them, record what came of it."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from broker import database, deadlines, jobs, settings, signatures, telemetry, transfers, webhooks
from broker.jobs import Job, Outcome

LEASE_SECONDS = 60  # a batch that nobody recorded by then is planned again
CONCURRENCY, MOST = 100, 500  # batches planned ahead: and where they are answered before the database has more
LOOK_AGAIN = timedelta(milliseconds=1)  # whether the database is done, or another answer has come
TOGETHER = 0.02  # seconds in which answers that follow each other are gathered

_Unsigned = dict[str, Any]  # a Job's fields, its subscription's own headers in JSON, and the secrets
_HEADERS = msgspec.json.Decoder(dict[str, str])


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
        leased = beside.submit(_record_and_lease, [], topic, room)
        while True:
            if not leased.done():
                if len(sender):
                    answers += sender.answers(LOOK_AGAIN)
                    continue
                room = min(2 * room, MOST)
            to_send = leased.result()
            if not answers:
                _post(sender, to_send)
                to_send, room = [], CONCURRENCY
                answers = sender.answers(timedelta(seconds=max(0.0, min(jobs.SEND_SECONDS, deadlines.left()))))
            if not answers:
                return sent
            _gather(sender, answers)
            outcomes = [jobs.outcome(job, answer) for job, answer in answers]
            leased = beside.submit(_record_and_lease, outcomes, topic, room - len(sender) - len(to_send))
            _post(sender, to_send)
            sent += len(answers)
            answers = []


def _gather(sender: webhooks.Sender[Job], answers: list[tuple[Job, transfers.Answer]]) -> None:
    """Take in what follows at once, up to half of what is under way: a call costs the database more than its rows."""
    until = time.monotonic() + TOGETHER
    while len(answers) < len(sender) and time.monotonic() < until and (more := sender.answers(LOOK_AGAIN)):
        answers += more


def _post(sender: webhooks.Sender[Job], leased: Iterable[_Unsigned]) -> None:
    for job in _signed(leased):
        sender.post(jobs.request(job), job)


def _record_and_lease(outcomes: Sequence[Outcome], topic: str | None, limit: int) -> list[_Unsigned]:
    return _lease(topic, limit if deadlines.left() > jobs.SEND_SECONDS else 0, LEASE_SECONDS, outcomes)


def plan(topic: str | None, limit: int, lease_seconds: int = LEASE_SECONDS) -> list[Job]:
    """Lease the subscriptions that are due, and read and sign the next batch of each; an empty list when none is.

    One that cannot be signed is logged and left out.
    """
    return list(_signed(_lease(topic, limit, lease_seconds)))


def _lease(topic: str | None, limit: int, lease_seconds: int, outcomes: Sequence[Outcome] = ()) -> list[_Unsigned]:
    if limit <= 0 and not outcomes:
        return []
    return database.call(
        "SELECT subscription_id, fence, url, headers, secrets, webhook_id, first_seq, last_seq, attempt,"
        " retry_schedule, ordered, redelivery, body"
        " FROM broker.plan_batches(%(topic)s::text, %(limit)s, %(lease)s, p_outcomes => %(outcomes)s::json)",
        {"topic": topic, "limit": limit, "lease": lease_seconds, "outcomes": _told(outcomes) if outcomes else None},
        dict,
    )


def _signed(leased: Iterable[_Unsigned]) -> Iterator[Job]:
    now = datetime.now(UTC)
    for row in leased:
        try:
            signed = signatures.sign(row.pop("secrets"), row["webhook_id"], now, row["body"].encode())
            own = _HEADERS.decode(row.pop("headers"))
            job = Job(headers={**own, "content-type": "application/json", **signed}, **row)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one, the others go out
            telemetry.failure(error, "dispatch", row["webhook_id"])
        else:
            yield job


def record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes. One whose lease another planner has taken over is noted as an attempt, no more."""
    database.call(
        "SELECT broker.record_attempts(%(outcomes)s::json) AS current",
        {"outcomes": _told(outcomes)},
        _Recorded,
    )


def _told(outcomes: Sequence[Outcome]) -> str:
    return msgspec.json.encode(outcomes).decode()


def next_due() -> datetime | None:
    """When the next batch is due: not later than now when one is due already, None when nothing is owed."""
    [due] = database.call("SELECT broker.next_due() AS due_at", {}, _Due)
    return due.due_at
