"""Dispatch: record outcomes, move the messages of auto topics, plan what is due, and send the jobs to Deliver.

SQS may repeat, delay, reorder or lose messages: an outcome counts once, a planned batch is on lease, and a wake-up only
makes Dispatch look.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from broker import database, deadlines, settings, telemetry
from broker.dispatch import planner
from broker.errors import DatabaseUnavailable
from broker.pubsub import broadcasts
from broker.transport import payloads, sqs
from broker.transport.payloads import Outcome, WakeUp

MAX_PLANNED = 100  # jobs a call
SPARE_SECONDS = 10  # to plan once more, and to send the jobs
SOON = timedelta(seconds=1)  # what is due within this is waited for: SQS delays by a second at least
DATABASE_RETRY = timedelta(seconds=5)

settings.check_queues("DISPATCH_QUEUE_URL", "DELIVERY_QUEUE_URL")


@dataclass(frozen=True, slots=True)
class _Scheduled:
    to_send: bool


def sweep() -> datetime | None:
    """Look at all topics, whatever wake-ups were lost; return when to look again (None: nothing is pending)."""
    _look([WakeUp(sweep=True)], outcomes=False)
    return planner.next_due()


def handle_records(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Do what the messages of DispatchQueue ask for; return the ids of the messages that SQS must show again.

    While the database is unavailable, each message is sent again with a delay of seconds: DispatchQueue itself would
    show it after minutes. Raises NotSent when that fails: then all come again.
    """
    given = list(records)
    try:
        return _handle(given)
    except DatabaseUnavailable as error:
        queue_url = settings.current().dispatch_queue_url
        if queue_url is None:
            raise
        telemetry.log_failure(error, "dispatch", "")
        sqs.send_batch(queue_url, [record["body"] for record in given], DATABASE_RETRY)
        return []


def _handle(records: Collection[Mapping[str, Any]]) -> list[str]:
    received = list(payloads.decode(records, payloads.ToDispatch, "dispatch"))
    all_outcomes = [outcome for _, payload in received for outcome in payload.outcomes or []]
    all_outcomes.sort(key=lambda outcome: outcome.action == "delivered")  # of a job posted twice, this one counts
    outcomes = list({(outcome.subscription_id, outcome.fence): outcome for outcome in all_outcomes}.values())
    if outcomes:
        _record(outcomes)
    now = datetime.now(UTC)
    wake_ups = [(message_id, payload.wake_up) for message_id, payload in received if payload.wake_up]
    early = [(message_id, wake_up) for message_id, wake_up in wake_ups if wake_up.delay(now)]
    arrived = [wake_up for _, wake_up in wake_ups if not wake_up.delay(now)]
    if any(_shown_before(record) for record in records):
        arrived.append(WakeUp(sweep=True))  # the process that took it first may have died before it sent its wake-up
    if arrived or outcomes:
        _look(arrived, outcomes=bool(outcomes))
    return [message_id for message_id, wake_up in early if not _delay_again(wake_up, now)]


def _shown_before(record: Mapping[str, Any]) -> bool:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)) > 1


def _record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes. One that the database will never take is logged and left: its batch is planned again."""
    try:
        planner.record(outcomes)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not come again and again, with the good ones
        if len(outcomes) == 1:
            telemetry.log_failure(error, "dispatch", outcomes[0].webhook_id)
            return
        for outcome in outcomes:
            _record([outcome])


def _delay_again(wake_up: WakeUp, now: datetime) -> bool:
    """Send an early wake-up with another delay, without a look at the database; return whether SQS took it."""
    queue_url = settings.current().dispatch_queue_url
    try:
        if queue_url is not None:
            sqs.send(queue_url, payloads.encode_wake_up(wake_up), wake_up.delay(now))
    except sqs.NotSent as error:
        telemetry.log_failure(error, "dispatch", "")
        return False
    return True


def _look(arrived: Sequence[WakeUp], *, outcomes: bool) -> None:
    """Do what may be due, now that these wake-ups and (of any topic) outcomes have arrived."""
    queues = settings.current()
    now = datetime.now(UTC)
    soon = {
        wake_up.topic: moment
        for wake_up in arrived
        if (moment := wake_up.not_before) and now < moment <= now + payloads.SHORT_WAIT
    }
    topics = {wake_up.topic for wake_up in arrived if wake_up.topic not in soon} | ({None} if outcomes else set())
    if queues.dispatch_queue_url is None or queues.delivery_queue_url is None:
        from broker import in_process  # noqa: PLC0415  only without queues: it imports libcurl

        for topic in topics:
            in_process.push(topic)
        return
    hand_on = partial(_hand_on, queues.dispatch_queue_url, queues.delivery_queue_url)
    hand_on(topics)
    if soon:
        _wait_until(max(soon.values()))
        hand_on(soon)
    while _is_soon(due_at := planner.next_due()):
        _wait_until(due_at)
        hand_on({None})
    _schedule_next(arrived, due_at, queues.dispatch_queue_url)


def _hand_on(dispatch_queue_url: str, delivery_queue_url: str, topics: Collection[str | None]) -> None:
    """Move what waits in these topics (None: in all), plan what is due, and send it to Deliver, while there is time."""
    for topic in {None} if None in topics else topics:
        if deadlines.left() < SPARE_SECONDS:
            return
        windows = broadcasts.move(None if topic is None else [topic], open_windows=True).batch_windows
        if windows:
            now = datetime.now(UTC)
            wake_ups = [WakeUp(name, now + timedelta(seconds=seconds)) for name, seconds in windows.items()]
            sqs.send_batch(dispatch_queue_url, [payloads.encode_wake_up(wake_up) for wake_up in wake_ups])
        while deadlines.left() > SPARE_SECONDS:
            planned_at = datetime.now(UTC)
            jobs = planner.plan(topic, MAX_PLANNED)
            if jobs:
                # in one message those that may hang, and those of one host: so they delay few others
                jobs.sort(key=lambda job: (job.attempt > 1, urlsplit(job.url).netloc))
                sqs.send_batch(delivery_queue_url, payloads.encode_jobs(jobs, planned_at))
            if len(jobs) < MAX_PLANNED:
                break


def _is_soon(due_at: datetime | None) -> TypeGuard[datetime]:
    """Whether something is due within the second, less than SQS would wait: so a subscription gets its full rate."""
    return due_at is not None and deadlines.left() > SPARE_SECONDS and timedelta() < due_at - datetime.now(UTC) < SOON


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0, (moment - datetime.now(UTC)).total_seconds()) + 0.001)


def _schedule_next(arrived: Sequence[WakeUp], due_at: datetime | None, queue_url: str) -> None:
    """Keep exactly one delayed wake-up in SQS while work is pending.

    `arrived` are the wake-ups just received, which no longer count.
    """
    next_wake_up = payloads.wake_up_at(due_at) if due_at else None
    times = [wake_up.not_before for wake_up in arrived if wake_up.not_before and wake_up.topic is None]
    sweeps = any(wake_up.sweep for wake_up in arrived)
    if next_wake_up is None and not times and not sweeps:
        return
    if not _schedule(next_wake_up, times, sweep=sweeps) or next_wake_up is None:
        return
    try:
        sqs.send(queue_url, payloads.encode_wake_up(next_wake_up), next_wake_up.delay(datetime.now(UTC)))
    except sqs.NotSent:
        _schedule(None, [], sweep=True)
        raise


def _schedule(wake_up: WakeUp | None, arrived: Sequence[datetime], *, sweep: bool) -> bool:
    [scheduled] = database.call(
        "SELECT broker.schedule_wake_up(%(due_at)s::timestamptz, %(arrived)s::timestamptz[], %(sweep)s) AS to_send",
        {"due_at": wake_up and wake_up.not_before, "arrived": list(arrived), "sweep": sweep},
        _Scheduled,
    )
    return scheduled.to_send
