"""Dispatch: record outcomes, move the messages of auto topics, plan what is due, and send the jobs to Deliver.

SQS may repeat, delay, reorder or lose messages: an outcome counts once, a planned batch is on lease, and a wake-up only
makes Dispatch look. What this process may have left undone when it died is found by a sweep: SQS shows its messages
again, and one that comes a second time counts as one. A sweep is followed by a look at the end of the leases of its
time, because a job that was lost is due by then.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeGuard
from urllib.parse import urlsplit

from broker import database, deadlines, settings, telemetry
from broker.dispatch import measures, planner
from broker.errors import DatabaseUnavailable
from broker.pubsub import broadcasts
from broker.transport import payloads, queues, sqs
from broker.transport.payloads import SWEEP, Outcome, Record, WakeUp

MAX_PLANNED = 100  # jobs a call
SOON = timedelta(seconds=1)  # what is due within this is waited for: SQS delays by a second at least
DATABASE_RETRY = timedelta(seconds=5)

settings.check_queues("DISPATCH_QUEUE_URL", "DELIVERY_QUEUE_URL")


def handle_records(records: Iterable[Record]) -> list[str]:
    """Do what the messages of DispatchQueue ask for; return the ids of the messages that SQS must show again.

    While the database is unavailable, each message is sent again with a delay of seconds: DispatchQueue itself would
    show it after minutes. Raises NotSent when that fails: then all come again.
    """
    given = list(records)
    try:
        return _handle(given)
    except DatabaseUnavailable as error:
        telemetry.log_failure(error, "dispatch", "")
        bodies = {record["body"]: None for record in given}
        if error.outcome_unknown:  # what was planned in that call will never be a job
            bodies[payloads.encode_wake_up(SWEEP)] = None
        queues.dispatch().send([*bodies], DATABASE_RETRY)
        return []


def _handle(records: Collection[Record]) -> list[str]:
    received = list(payloads.decode(records, payloads.ToDispatch, "dispatch"))
    all_outcomes = [outcome for _, payload in received for outcome in payload.outcomes or []]
    # when a job was posted twice, its delivered outcome counts; when once, and then it was too old, that of the post
    all_outcomes.sort(key=lambda outcome: (outcome.action != "expired", outcome.action == "delivered"))
    # the webhook-id too: tests have one fence
    outcomes = list({(each.subscription_id, each.fence, each.webhook_id): each for each in all_outcomes}.values())
    now = datetime.now(UTC)
    wake_ups = [(message_id, payload.wake_up) for message_id, payload in received if payload.wake_up]
    early = [(message_id, wake_up) for message_id, wake_up in wake_ups if wake_up.delay(now)]
    arrived = [wake_up for _, wake_up in wake_ups if not wake_up.delay(now)]
    if len(received) < len(records) or any(_shown_before(record) for record in records):
        # outcomes may be lost, or the process that took the message first died with its work half done
        arrived.append(SWEEP)
    if tests := [payload.test for _, payload in received if payload.test]:
        _send_tests(tests)
    if arrived or outcomes:
        _look(arrived, outcomes)
    return [message_id for message_id, wake_up in early if not _delay_again(wake_up)]


def _send_tests(webhook_ids: Sequence[str]) -> None:
    planned_at = datetime.now(UTC)
    if jobs := planner.plan_tests(webhook_ids):
        queues.delivery().send(payloads.encode_jobs(jobs, planned_at))


def _shown_before(record: Record) -> bool:
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)) > 1


def _delay_again(wake_up: WakeUp) -> bool:
    """Send an early wake-up with another delay, without a look at the database; return whether SQS took it."""
    try:
        _send_delayed(wake_up)
    except sqs.NotSent as error:
        telemetry.log_failure(error, "dispatch", "")
        return False
    return True


def _look(arrived: Sequence[WakeUp], outcomes: Sequence[Outcome]) -> None:
    """Record outcomes, and do what may be due now that they and these wake-ups have arrived."""
    now = datetime.now(UTC)
    soon = {
        wake_up.topic: moment
        for wake_up in arrived
        if (moment := wake_up.not_before) and now < moment <= now + payloads.SHORT_WAIT
    }
    topics = {wake_up.topic for wake_up in arrived if wake_up.topic not in soon}
    sweep = any(wake_up.sweep for wake_up in arrived)
    if outcomes:
        _plan(outcomes)  # before all that takes time, or may fail
        measures.count(outcomes)
        moved = [_move(topic, sweep=sweep) for topic in {None, *topics}]
        if any(moved):
            _plan()
    else:
        _hand_on(topics, sweep=sweep)
    if soon:
        _wait_until(max(soon.values()))
        _hand_on(soon)
    while _is_soon(due_at := planner.next_due()):
        _wait_until(due_at)
        _hand_on({None})
    _schedule_next(arrived, due_at)
    if sweep and (ends_at := planner.last_lease_end()):
        _send_delayed(payloads.wake_up_at(ends_at))  # not noted as pending: so no earlier one can replace it


def _hand_on(topics: Collection[str | None], *, sweep: bool = False) -> None:
    """Move what waits in these topics (None: in those that are due), plan what is due, and send it to Deliver."""
    for topic in topics:
        _move(topic, sweep=sweep)
    _plan()


def _move(topic: str | None, *, sweep: bool = False) -> bool:
    """Move what waits in auto topics, while there is time; return whether anything was moved."""
    if not deadlines.allow(deadlines.PLAN_SECONDS):
        return False
    moved = broadcasts.move(None if topic is None else [topic], open_windows=True, sweep=sweep)
    if moved.batch_windows:
        now = datetime.now(UTC)
        wake_ups = [WakeUp(name, now + timedelta(seconds=seconds)) for name, seconds in moved.batch_windows.items()]
        queues.dispatch().send([payloads.encode_wake_up(wake_up) for wake_up in wake_ups])
    return moved.messages > 0


def _plan(outcomes: Sequence[Outcome] = ()) -> None:
    """Record outcomes, and send jobs to Deliver until nothing more is due, or may be under way, or the time is up."""
    while True:
        planned_at = datetime.now(UTC)
        limit = MAX_PLANNED if deadlines.allow(deadlines.PLAN_SECONDS) else 0
        jobs = planner.plan(limit, outcomes)
        outcomes = ()
        if jobs:
            # in one message those that may hang, and those of one host: so they delay few others
            jobs.sort(key=lambda job: (job.attempt > 1, urlsplit(job.url).netloc))
            queues.delivery().send(payloads.encode_jobs(jobs, planned_at))
        if len(jobs) < MAX_PLANNED:
            return


def _is_soon(due_at: datetime | None) -> TypeGuard[datetime]:
    """Whether something is due within the second, less than SQS would wait: so a subscription gets its full rate."""
    if due_at is None or not deadlines.allow(deadlines.PLAN_SECONDS):
        return False
    return timedelta() < due_at - datetime.now(UTC) < SOON


def _wait_until(moment: datetime) -> None:
    time.sleep(max(0, (moment - datetime.now(UTC)).total_seconds()) + 0.001)


def _schedule_next(arrived: Sequence[WakeUp], due_at: datetime | None) -> None:
    """Keep a delayed wake-up in SQS for the next work that is pending, unless one that arrives by then is there.

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
        _send_delayed(next_wake_up)
    except sqs.NotSent:
        _schedule(None, [], sweep=True)
        raise


def _send_delayed(wake_up: WakeUp) -> None:
    queues.dispatch().send([payloads.encode_wake_up(wake_up)], wake_up.delay(datetime.now(UTC)))


def _schedule(wake_up: WakeUp | None, arrived: Sequence[datetime], *, sweep: bool) -> bool:
    to_send: bool = database.value(
        "SELECT broker.schedule_wake_up(%(due_at)s::timestamptz, %(arrived)s::timestamptz[], %(sweep)s)",
        {"due_at": wake_up and wake_up.not_before, "arrived": list(arrived), "sweep": sweep},
    )
    return to_send
