"""Deliver: jobs in, POSTs out, and their outcomes to Dispatch. Nothing here knows the database.

When this process dies, SQS shows the messages that it did not complete again, and their jobs are posted once more.
"""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from broker import deadlines, settings, telemetry
from broker.transport import payloads, queues, sqs
from broker.transport.payloads import Job, Outcome, Record
from broker.webhooks import outcomes
from broker.webhooks.sender import Sender
from broker.webhooks.transfer import Request

MAX_JOB_AGE = timedelta(minutes=4)  # after 5 minutes its lease ends, and it may be planned again
GATHERED = 100  # outcomes that are sent together,
GATHER_SECONDS = 0.02  # or those that follow the first within this,
PAUSE_SECONDS = 0.001  # or those before such a pause, when no more than them are still under way: these may hang
SENDER_IDLE_SECONDS = 60  # then its connections are not used again: they may have been cut without a word

_Sender = Sender[tuple[str, Job]]  # a job is posted under the id of its message,
_Ended = tuple[str, Outcome]  # and so is its outcome

settings.check_queues("DISPATCH_QUEUE_URL")


class _Kept:
    """The Sender of this process: the next invocation finds its connections open."""

    sender: _Sender | None = None
    used_at = 0.0  # wall-clock time: a frozen process's monotonic clock may have stood still


def deliver(records: Iterable[Record]) -> list[str]:
    """Post the jobs in the messages of DeliveryQueue; return the ids of the messages that SQS must show again.

    All jobs of such a message are posted again, under the same webhook-id. Outcomes are sent as soon as they are known,
    so an endpoint that hangs delays no other. Jobs that are too old are answered with `expired`.
    """
    sender = _open_sender()
    unfinished: Counter[str] = Counter()  # jobs, by message
    try:
        gathered = _post(sender, records, unfinished)
        while gathered := _gather(sender, gathered):
            if _send([outcome for _, outcome in gathered]):
                unfinished.subtract(message_id for message_id, _ in gathered)
            gathered = []
    finally:
        if len(sender):  # no later invocation may get what is under way
            forget()
    return sorted(+unfinished)


def forget() -> None:
    """Close the connections that were kept; break off what is under way."""
    if _Kept.sender is not None:
        _Kept.sender.close()
        _Kept.sender = None


def _post(sender: _Sender, records: Iterable[Record], unfinished: Counter[str]) -> list[_Ended]:
    """Start the requests of all jobs, and count the jobs; return the outcomes of those that are too old."""
    expired: list[_Ended] = []
    for message_id, payload in payloads.decode(records, payloads.ToDeliver, "deliver"):
        is_old = datetime.now(UTC) - payload.planned_at > MAX_JOB_AGE
        for job in payload.jobs:
            unfinished[message_id] += 1
            if is_old:
                expired.append((message_id, outcomes.expire(job, payload.planned_at)))
            elif deadlines.allow(deadlines.DELIVER_SECONDS):
                sender.post(Request(job.url, job.headers, job.body.encode()), (message_id, job))
    return expired


def _gather(sender: _Sender, gathered: list[_Ended]) -> list[_Ended]:
    """Add outcomes to those gathered, until it is time to send them; an empty list when the request's time is over."""
    first_at = time.monotonic()
    while len(sender) and len(gathered) < GATHERED:
        if not gathered:
            wait = min(deadlines.DELIVER_SECONDS, deadlines.left())
        elif len(gathered) < len(sender):
            wait = first_at + GATHER_SECONDS - time.monotonic()
        else:
            wait = min(first_at + GATHER_SECONDS - time.monotonic(), PAUSE_SECONDS)
        ended = sender.responses(timedelta(seconds=max(0.0, wait)))
        if not ended:
            break
        if not gathered:
            first_at = time.monotonic()
        gathered += [(message_id, outcomes.judge(job, response)) for (message_id, job), response in ended]
    return gathered


def _open_sender() -> _Sender:
    if abs(time.time() - _Kept.used_at) > SENDER_IDLE_SECONDS:
        forget()
    if _Kept.sender is None:
        _Kept.sender = Sender(allow_private=settings.current().allow_private_webhooks)
    _Kept.used_at = time.time()
    return _Kept.sender


def _send(judged: list[Outcome]) -> bool:
    """Send outcomes to Dispatch; return whether SQS took them all."""
    try:
        queues.dispatch().send(payloads.encode_outcomes(judged))
    except sqs.NotSent as error:
        telemetry.log_failure(error, "deliver", "")
        return False
    return True
