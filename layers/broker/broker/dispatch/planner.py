"""Plan what subscriptions are sent next, sign it, and record what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from broker import database, telemetry
from broker.transport.payloads import Job, Outcome
from broker.webhooks import signatures

LEASE_SECONDS = 300  # of a job: Deliver posts it within 4 minutes of its planning, or not at all

Unsigned = dict[str, Any]  # a Job's fields, its subscription's own headers as JSON, and the secrets
_HEADERS = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class _Recorded:
    current: int


@dataclass(frozen=True, slots=True)
class _Due:
    due_at: datetime | None


def plan(topic: str | None, limit: int, lease_seconds: int = LEASE_SECONDS) -> list[Job]:
    """Lease subscriptions that are due, of one topic or (None) of all, and read and sign the next batch of each.

    Returns at most `limit` jobs, one a subscription; an empty list when nothing is due. A job that cannot be signed is
    logged and left out.
    """
    return list(sign(lease(topic, limit, lease_seconds)))


def lease(topic: str | None, limit: int, lease_seconds: int, outcomes: Sequence[Outcome] = ()) -> list[Unsigned]:
    """Record outcomes first, then lease subscriptions that are due, as `plan` does, in the same call."""
    if limit <= 0 and not outcomes:
        return []
    return database.call(
        "SELECT subscription_id, fence, url, headers, secrets, webhook_id, first_seq, last_seq, attempt,"
        " retry_schedule, ordered, redelivery, body"
        " FROM broker.plan_batches(%(topic)s::text, %(limit)s, %(lease)s, p_outcomes => %(outcomes)s::json)",
        {"topic": topic, "limit": limit, "lease": lease_seconds, "outcomes": _json(outcomes) if outcomes else None},
        dict,
    )


def sign(leased: Iterable[Unsigned]) -> Iterator[Job]:
    """Sign what was leased."""
    now = datetime.now(UTC)
    for row in leased:
        try:
            signed = signatures.sign(row.pop("secrets"), row["webhook_id"], now, row["body"].encode())
            own = _HEADERS.decode(row.pop("headers"))
            job = Job(headers={**own, "content-type": "application/json", **signed}, **row)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one, the others go out
            telemetry.log_failure(error, "dispatch", row["webhook_id"])
        else:
            yield job


def record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes. One whose lease another planner has taken over is stored as an attempt, and changes nothing."""
    database.call(
        "SELECT broker.record_attempts(%(outcomes)s::json) AS current", {"outcomes": _json(outcomes)}, _Recorded
    )


def next_due() -> datetime | None:
    """When the next batch is due: not later than now when one is due already, None when nothing is pending."""
    [due] = database.call("SELECT broker.next_due() AS due_at", {}, _Due)
    return due.due_at


def _json(outcomes: Sequence[Outcome]) -> str:
    return msgspec.json.encode(outcomes).decode()
