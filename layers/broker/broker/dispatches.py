"""Dispatch: record what came of jobs, move what topics broadcast by themselves, plan what is due, and hand it on.

Messages may come twice, late, out of order or not at all: an outcome counts once, a planned batch is on lease, and a
wake-up only lets one look.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from broker import broadcasts, database, deadlines, deliveries, envelopes, settings, sqs, telemetry, wakes
from broker.errors import DatabaseAway
from broker.jobs import SEND_SECONDS, Outcome
from broker.wakes import Wake

PLANNED_AT_ONCE = 100  # jobs
LEASE_SECONDS = 300  # of a job: it is delivered within 4 minutes of being planned, or not at all
SPARE_SECONDS = 10  # to plan once more, and to hand that on
SOON = timedelta(seconds=1)
AWAY = timedelta(seconds=5)  # until the database is looked for again

settings.check_queues("DISPATCH_QUEUE_URL", "DELIVERY_QUEUE_URL")


@dataclass(frozen=True, slots=True)
class _Scheduled:
    to_send: bool


def push(topic: str | None = None) -> int:
    """Move and send what is due, of one topic or of all, in this process; returns how many batches were sent."""
    sent = 0
    while True:
        moved = broadcasts.move(None if topic is None else [topic]).messages
        sent_now = deliveries.run(topic)
        sent += sent_now
        if not (moved or sent_now) or deadlines.left() < SEND_SECONDS:
            return sent


def sweep() -> datetime | None:
    """Look at all topics, whatever wake-ups may have been lost; returns when to come again (None: no need)."""
    _look([Wake(afresh=True)], outcomes=False)
    return deliveries.next_due()


def take(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Do what the messages of DispatchQueue ask for; returns the ids of those that shall come again.

    While the database is away, all are sent again for soon: DispatchQueue itself would give them back in minutes.
    Raises NotSent when all of them shall come again.
    """
    given = list(records)
    try:
        return _take(given)
    except DatabaseAway as error:
        queue_url = settings.current().dispatch_queue_url
        if queue_url is None:
            raise
        telemetry.failure(error, "dispatch", "")
        sqs.send_batch(queue_url, [record["body"] for record in given], AWAY)
        return []


def _take(records: Collection[Mapping[str, Any]]) -> list[str]:
    letters = list(envelopes.opened(records, envelopes.ToDispatch, "dispatch"))
    told = [outcome for _, letter in letters for outcome in letter.outcomes or []]
    told.sort(key=lambda outcome: outcome.verdict == "delivered")  # of a job that was posted twice, that counts
    outcomes = list({(outcome.subscription_id, outcome.fence): outcome for outcome in told}.values())
    if outcomes:
        _record(outcomes)
    now = datetime.now(UTC)
    wakes_come = [(message_id, letter.wake) for message_id, letter in letters if letter.wake]
    early = [(message_id, wake) for message_id, wake in wakes_come if wake.delay(now)]
    come = [wake for _, wake in wakes_come if not wake.delay(now)]
    if any(_comes_again(record) for record in records):
        come.append(Wake(afresh=True))  # who took it before may have died on the way to its own wake-up
    if come or outcomes:
        _look(come, outcomes=bool(outcomes))
    return [message_id for message_id, wake in early if not _sent_again(wake, now)]


def _comes_again(record: Mapping[str, Any]) -> bool:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)) > 1


def _record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes. One that the database will never take is logged and left: its batch is planned again."""
    try:
        deliveries.record(outcomes)
    except DatabaseAway:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not come again and again, with the good ones
        if len(outcomes) == 1:
            telemetry.failure(error, "dispatch", outcomes[0].webhook_id)
            return
        for outcome in outcomes:
            _record([outcome])


def _sent_again(wake: Wake, now: datetime) -> bool:
    """Let a wake-up whose time has not come wait on; the database is left alone."""
    queue_url = settings.current().dispatch_queue_url
    try:
        if queue_url is not None:
            sqs.send(queue_url, wakes.body(wake), wake.delay(now))
    except sqs.NotSent as error:
        telemetry.failure(error, "dispatch", "")
        return False
    return True


def _look(come: Sequence[Wake], *, outcomes: bool) -> None:
    """Do what may be due since these wake-ups and (of whatever topics) outcomes came."""
    queues = settings.current()
    now = datetime.now(UTC)
    soon = {wake.topic: moment for wake in come if (moment := wake.not_before) and now < moment <= now + wakes.SHORT}
    topics = {wake.topic for wake in come if wake.topic not in soon} | ({None} if outcomes else set())
    if queues.dispatch_queue_url is None or queues.delivery_queue_url is None:
        for topic in topics:
            push(topic)
        return
    hand_on = partial(_hand_on, queues.dispatch_queue_url, queues.delivery_queue_url)
    hand_on(topics)
    if soon:
        _wait_until(max(soon.values()))
        hand_on(soon)
    while _comes_soon(due_at := deliveries.next_due()):
        _wait_until(due_at)
        hand_on({None})
    _wake_later(come, due_at, queues.dispatch_queue_url)


def _hand_on(dispatch_queue_url: str, delivery_queue_url: str, topics: Collection[str | None]) -> None:
    """Move what waits in these topics (None: in all), plan what is due, and hand it to deliver, while there is time."""
    for topic in {None} if None in topics else topics:
        if deadlines.left() < SPARE_SECONDS:
            return
        watched_for = broadcasts.move(None if topic is None else [topic], watch=True).watched_for
        if watched_for:
            now = datetime.now(UTC)
            again = [Wake(name, now + timedelta(seconds=seconds)) for name, seconds in watched_for.items()]
            sqs.send_batch(dispatch_queue_url, [wakes.body(wake) for wake in again])
        while deadlines.left() > SPARE_SECONDS:
            planned_at = datetime.now(UTC)
            jobs = deliveries.plan(topic, PLANNED_AT_ONCE, LEASE_SECONDS)
            if jobs:
                # those that may hang go together, and one host's, and hold up few others
                jobs.sort(key=lambda job: (job.attempt > 1, urlsplit(job.url).netloc))
                sqs.send_batch(delivery_queue_url, envelopes.planned(jobs, planned_at))
            if len(jobs) < PLANNED_AT_ONCE:
                break


def _comes_soon(due_at: datetime | None) -> TypeGuard[datetime]:
    """Whether something is due within the second, less than SQS would wait: so a rate is kept, not undercut."""
    return due_at is not None and deadlines.left() > SPARE_SECONDS and timedelta() < due_at - datetime.now(UTC) < SOON


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0, (moment - datetime.now(UTC)).total_seconds()) + 0.001)


def _wake_later(come: Sequence[Wake], due_at: datetime | None, queue_url: str) -> None:
    """Keep one delayed wake-up under way while anything is owed; `come` are those that are no longer."""
    wake = wakes.later(due_at) if due_at else None
    came = [wake.not_before for wake in come if wake.not_before and wake.topic is None]
    afresh = any(wake.afresh for wake in come)
    if wake is None and not came and not afresh:
        return
    if not _schedule(wake, came, afresh=afresh) or wake is None:
        return
    try:
        sqs.send(queue_url, wakes.body(wake), wake.delay(datetime.now(UTC)))
    except sqs.NotSent:
        _schedule(None, [], afresh=True)
        raise


def _schedule(wake: Wake | None, came: Sequence[datetime], *, afresh: bool) -> bool:
    [scheduled] = database.call(
        "SELECT broker.schedule_wake_up(%(due_at)s::timestamptz, %(came)s::timestamptz[], %(afresh)s) AS to_send",
        {"due_at": wake and wake.not_before, "came": list(came), "afresh": afresh},
        _Scheduled,
    )
    return scheduled.to_send
