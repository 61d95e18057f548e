"""What the outcomes of attempts say about the push loop, as metrics."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from broker import telemetry
from broker.transport.payloads import NO_LEASE, Outcome


def count(outcomes: Iterable[Outcome]) -> None:
    """Count what was recorded, but for tests. An outcome that SQS gives twice is counted twice."""
    for outcome in outcomes:
        _count(outcome)


def _count(outcome: Outcome) -> None:
    if outcome.fence == NO_LEASE:
        return
    messages = outcome.last_seq - outcome.first_seq + 1
    if outcome.action == "expired":
        telemetry.count("Expired")
        return
    ended_at = outcome.started_at + timedelta(milliseconds=outcome.duration_ms)
    if outcome.since:
        telemetry.count_age(outcome.since, ended_at, oldest=outcome.subscription_id)
    if outcome.action == "delivered":
        refused = len(outcome.refused or ())
        telemetry.count("Delivered", messages - refused)
        if outcome.since:
            telemetry.count_lag((ended_at - outcome.since).total_seconds())
    else:
        refused = messages if outcome.action == "refused" else 0
        _count_failure(outcome)
    if outcome.action == "dead":
        telemetry.count("Dead")
    elif refused and outcome.retry_seconds is None:  # they get no other attempt
        telemetry.count("Dead", refused)
    elif outcome.action == "disable":
        telemetry.count("SubscriptionsDisabled")


def _count_failure(outcome: Outcome) -> None:
    telemetry.count_failure(
        subscription=outcome.subscription_id,
        attempt=outcome.attempt,
        status=outcome.status,
        reason=outcome.reason,
        action=outcome.action,
    )


def published_at(webhook_id: str) -> datetime:
    """Read when the first message of a request was published: its id, a UUIDv7, begins with the milliseconds."""
    message_id = webhook_id.split("_")[2]
    return datetime.fromtimestamp(int(message_id[:8] + message_id[9:13], 16) / 1000, UTC)
