"""Attempts: the requests that were sent to a subscription, and their responses."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database, pagination
from broker.pagination import Page

Whole = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class List(pagination.Query, forbid_unknown_fields=True):
    """The query of a list of attempts: those that sent the message at `seq`, those that failed."""

    after: Whole | None = None
    seq: Whole | None = None
    failed: bool = False


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to send a batch. `status` is None when no response came; `reason` then says why.

    `answer` is the beginning of the response's body, at most 1,024 bytes.
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


def list_attempts(topic: str, subscription_id: UUID, query: List, *, answers: bool = True) -> Page[Attempt]:
    """List the attempts of a subscription, the newest first, older than the attempt `after`. Raises NotFound.

    Without `answers` each `answer` is None.
    """
    found = database.call(
        "SELECT id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms, status, reason, answer"
        " FROM broker.list_attempts(%(topic)s, %(id)s, %(after)s::bigint, %(limit)s, %(seq)s::bigint, %(failed)s)",
        {
            "topic": topic,
            "id": subscription_id,
            "after": query.after,
            "limit": query.limit + 1,
            "seq": query.seq,
            "failed": query.failed,
        },
        Attempt,
    )
    if not answers:
        found = [msgspec.structs.replace(attempt, answer=None) for attempt in found]
    return pagination.cut(found, query.limit, "id")
