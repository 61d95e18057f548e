"""Plan what subscriptions are sent next, sign it, and record what came of it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from broker import database, telemetry
from broker.dispatch import measures
from broker.errors import DatabaseUnavailable
from broker.transport.payloads import Job, Outcome
from broker.webhooks import signatures

LEASE_SECONDS = 300  # of a job: Deliver posts it within 4 minutes of its planning, or not at all

_Unsigned = dict[str, Any]  # a Job's fields, its subscription's own headers as JSON, and the secrets
_HEADERS = msgspec.json.Decoder(dict[str, str])


class ContentMissing(Exception):
    """A message of the batch is in the log, and its content is in no table: nothing of the broker removes it before."""


def plan(limit: int, outcomes: Sequence[Outcome] = ()) -> list[Job]:
    """Record outcomes; lease subscriptions that are due; sign the next batch of each.

    Returns at most `limit` jobs, one a subscription; an empty list when nothing is due. A job that cannot be signed is
    logged and left out. An outcome whose lease another planner has taken over is stored as an attempt, and changes
    nothing; one that the database will never take is logged and dropped: its batch is planned again after its lease,
    when something makes Dispatch look at its topic.
    """
    try:
        leased = _lease(limit, outcomes)
    except DatabaseUnavailable as error:
        if outcomes and limit > 0 and not error.outcome_unknown:
            _lease(0, outcomes)  # planning may have taken too long; what has arrived is not lost with it
        raise
    except Exception:
        if not outcomes:
            raise
        for outcome in outcomes:
            _record(outcome)
        leased = _lease(limit, [])
    return list(_sign(leased))


def plan_tests(webhook_ids: Sequence[str]) -> list[Job]:
    """Sign tests of subscriptions; one that was removed since has none."""
    read: list[_Unsigned] = database.call(
        "SELECT subscription_id, fence, url, headers, secrets, webhook_id, first_seq, last_seq, attempt,"
        " retry_schedule, ordered, redelivery, body, broadcast_at"
        " FROM broker.plan_tests(%(ids)s::text[])",
        {"ids": list(webhook_ids)},
        dict,
    )
    return list(_sign(read))


def next_due() -> datetime | None:
    """When the next batch is due: not later than now when one is due already, None when nothing is pending.

    A batch on lease is not pending: Deliver sends its outcome.
    """
    due_at: datetime | None = database.value("SELECT broker.next_due()")
    return due_at


def last_lease_end() -> datetime | None:
    """When the last lease of now ends, None without one: a batch whose job was lost is due by then."""
    ends_at: datetime | None = database.value("SELECT broker.last_lease_end()")
    return ends_at


def _record(outcome: Outcome) -> None:
    try:
        _lease(0, [outcome])
    except DatabaseUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  whatever it is, it must not come again and again, with the good ones
        telemetry.log_failure(error, "dispatch", outcome.webhook_id)


def _lease(limit: int, outcomes: Sequence[Outcome]) -> list[_Unsigned]:
    if limit <= 0 and not outcomes:
        return []
    return database.call(
        "SELECT subscription_id, fence, url, headers, secrets, webhook_id, first_seq, last_seq, attempt,"
        " retry_schedule, ordered, redelivery, body, broadcast_at"
        " FROM broker.plan_batches(%(limit)s, %(lease)s, p_outcomes => %(outcomes)s::json)",
        {"limit": limit, "lease": LEASE_SECONDS, "outcomes": _json(outcomes) if outcomes else None},
        dict,
    )


def _sign(leased: Iterable[_Unsigned]) -> Iterator[Job]:
    now = datetime.now(UTC)
    for row in leased:
        try:
            if row["body"] is None:
                raise ContentMissing  # noqa: TRY301  handled as all that may be wrong with a row
            signed = signatures.sign(row.pop("secrets"), row["webhook_id"], now, row["body"].encode())
            own = _HEADERS.decode(row.pop("headers"))
            broadcast_at = row.pop("broadcast_at")
            # a redriven message is not late, so the age of a redelivery says nothing
            since = None if row["redelivery"] else broadcast_at or measures.published_at(row["webhook_id"])
            job = Job(headers={**own, "content-type": "application/json", **signed}, since=since, **row)
        except Exception as error:  # noqa: BLE001  whatever is wrong with one, the others go out
            telemetry.log_failure(error, "dispatch", row["webhook_id"])
        else:
            yield job


def _json(outcomes: Sequence[Outcome]) -> str:
    return msgspec.json.encode(outcomes).decode()
