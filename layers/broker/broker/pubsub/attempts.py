"""Attempts: what was sent to a subscription, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from broker import database


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at sending a batch. `status` is None when no answer came, and `reason` says why.

    `answer` is how the answer's body began, 1,024 octets of it at most.
    """

    id: int
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    started_at: datetime
    duration_ms: int
    status: int | None
    reason: str | None
    answer: str | None


def listed(topic: str, subscription_id: UUID, after: int | None, limit: int) -> list[Attempt]:
    """List those of a subscription, the newest first, older than the attempt `after`. Raises NotFound."""
    return database.call(
        "SELECT id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms, status, reason, answer"
        " FROM broker.list_attempts(%(topic)s, %(id)s, %(after)s::bigint, %(limit)s)",
        {"topic": topic, "id": subscription_id, "after": after, "limit": limit},
        Attempt,
    )
