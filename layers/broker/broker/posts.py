"""Post what is planned, and tell dispatch what came of it. Nothing here knows the database.

A job that nothing is told of is planned again when its lease ends, so none is lost with this process.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from broker import deadlines, envelopes, jobs, settings, sqs, telemetry, webhooks
from broker.jobs import Job

OLDEST = timedelta(minutes=4)  # of a job: after 5 minutes its lease ends, and another may be planned

settings.check_queues("DISPATCH_QUEUE_URL")


def take(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Post the jobs in the messages of DeliveryQueue; returns the ids of those that shall come again.

    All jobs of a message come again when one of them does, and are then posted twice, under the same id.
    What came of each is told as soon as it is known: one that hangs holds up no other. What is too old is dropped.
    """
    found = settings.current()
    unsettled: Counter[str] = Counter()  # jobs, by message
    with webhooks.Sender[tuple[str, Job]](allow_private=found.allow_private_webhooks) as sender:
        for message_id, letter in envelopes.opened(records, envelopes.ToDeliver, "deliver"):
            if datetime.now(UTC) - letter.planned_at > OLDEST:
                continue
            for job in letter.jobs:
                unsettled[message_id] += 1
                if deadlines.left() > jobs.SEND_SECONDS:
                    sender.post(jobs.request(job), (message_id, job))
        while len(sender):
            ended = sender.answers(timedelta(seconds=max(0.0, min(jobs.SEND_SECONDS, deadlines.left()))))
            if not ended:
                break
            if _told([jobs.outcome(job, answer) for (_, job), answer in ended], found.dispatch_queue_url):
                unsettled.subtract(message_id for (message_id, _), _ in ended)
    return sorted(+unsettled)


def _told(outcomes: list[jobs.Outcome], queue_url: str | None) -> bool:
    try:
        if queue_url is not None:
            sqs.send_batch(queue_url, envelopes.told(outcomes))
    except sqs.NotSent as error:
        telemetry.failure(error, "deliver", "")
        return False
    return True
