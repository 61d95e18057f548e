"""The outcome of a job whose endpoint has answered."""

from datetime import UTC, datetime, timedelta

from broker.transport.payloads import Job, Outcome
from broker.webhooks import outcomes, transfer


def outcome(job: Job, status: int = 200) -> Outcome:
    return outcomes.judge(job, transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1)))
