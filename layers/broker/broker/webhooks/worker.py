"""Deliver: jobs in, POSTs out, and their outcomes to Dispatch. Nothing here knows the database.

When the outcome of a job is lost, its lease ends and Dispatch plans it again: no job is lost with this process.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from broker import deadlines, settings, telemetry
from broker.transport import payloads, sqs
from broker.transport.payloads import Job, Outcome
from broker.webhooks import outcomes
from broker.webhooks.sender import SEND_SECONDS, Sender
from broker.webhooks.transfer import Request

MAX_JOB_AGE = timedelta(minutes=4)  # after 5 minutes its lease ends, and it may be planned again

settings.check_queues("DISPATCH_QUEUE_URL")


def deliver(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Post the jobs in the messages of DeliveryQueue; return the ids of the messages that SQS must show again.

    All jobs of such a message are posted again, under the same webhook-id. Each outcome is sent as soon as it is known,
    so an endpoint that hangs delays no other. Jobs that are too old are dropped.
    """
    found = settings.current()
    unfinished: Counter[str] = Counter()  # jobs, by message
    with Sender[tuple[str, Job]](allow_private=found.allow_private_webhooks) as sender:
        for message_id, payload in payloads.decode(records, payloads.ToDeliver, "deliver"):
            if datetime.now(UTC) - payload.planned_at > MAX_JOB_AGE:
                continue
            for job in payload.jobs:
                unfinished[message_id] += 1
                if deadlines.left() > SEND_SECONDS:
                    sender.post(request(job), (message_id, job))
        while len(sender):
            ended = sender.responses(timedelta(seconds=max(0.0, min(SEND_SECONDS, deadlines.left()))))
            if not ended:
                break
            judged = [outcomes.judge(job, response) for (_, job), response in ended]
            if _send(judged, found.dispatch_queue_url):
                unfinished.subtract(message_id for (message_id, _), _ in ended)
    return sorted(+unfinished)


def request(job: Job) -> Request:
    """Make the request that delivers a job."""
    return Request(job.url, job.headers, job.body.encode())


def _send(judged: list[Outcome], queue_url: str | None) -> bool:
    """Send outcomes to Dispatch; return whether SQS took them all."""
    try:
        if queue_url is not None:
            sqs.send_batch(queue_url, payloads.encode_outcomes(judged))
    except sqs.NotSent as error:
        telemetry.log_failure(error, "deliver", "")
        return False
    return True
