"""The daily maintenance of the database, run as the owner of the schema."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec

from broker import database, deadlines, telemetry
from broker.schema import removal

CLEARED_AT_ONCE = 10_000  # rows a transaction
FAILING_SECONDS = deadlines.CONNECT_SECONDS + removal.TASK_SECONDS  # after a failure the database may be unavailable

_JSON = msgspec.json.Decoder(list[dict[str, Any]])  # the facts of a WARNING each

Value = TypeVar("Value")


class Maintained(msgspec.Struct, frozen=True):
    """The result: partitions made ahead, removed, and kept past the retention; and rows cleared, by what they were.

    `lost` counts the paused and disabled subscriptions whose backlog expired; each of them shows the range. `ended`
    counts the dead letters that were older than their topic's dead_days, and were deleted.
    """

    made: int
    lost: int
    ended: int
    removed: list[str]
    kept: list[removal.KeptPartition]
    cleared: dict[str, int]


def maintain() -> Maintained:
    """Make the partitions of the days ahead, remove those past the retention, and clear rows that nobody needs.

    Safe to repeat, and to interrupt. No step is long, and none blocks a publisher or consumer. When a task fails, the
    failure is logged, the other tasks still run, and the first failure is raised at the end.
    """
    failures: list[Exception] = []
    ahead = "SELECT broker.ensure_partitions(statement_timestamp(), statement_timestamp() + interval '2 days')"
    made = _try(partial(database.owner.value, ahead), 0, failures)
    lost = _try(_expire_backlog, 0, failures)
    ended = _try(_end_dead_letters, 0, failures)
    cleared = {
        what: _try(partial(_clear, statement), 0, failures)
        for what, statement in {
            "deleted_topics": "SELECT broker.clear_deleted_topics(%(limit)s)",
            "idempotency_keys": "SELECT broker.clear_idempotency_keys(%(limit)s)",
            "tokens": "SELECT broker.clear_tokens(%(limit)s)",
        }.items()
    }
    removed, kept = [], []
    due: list[removal.DuePartition] | None = _try(removal.due, None, failures)
    blocked = False
    for partition in due or []:
        if blocked:  # PostgreSQL detaches one partition at a time
            reason = removal.BLOCKED
        else:
            reason = _try(partial(removal.remove, partition), "it could not be removed", failures)
            blocked = reason == removal.BLOCKED
        if reason:
            kept.append(removal.keep(partition, reason))
        else:
            removed.append(partition.name)
    _try(_clear_kept, None, failures)
    if due is None:  # how many stay is not known
        telemetry.log_step("maintain", "")
    else:
        ages = [each.age_days for each in kept]
        telemetry.log_maintenance(len(kept), max(ages, default=0), {"kept": kept, "removed": removed})
    if failures:
        raise failures[0]
    return Maintained(made, lost, ended, removed, kept, cleared)


def _try(task: Callable[[], Value], otherwise: Value, failures: list[Exception]) -> Value:
    """Run a task and note its failure. After a failure, skip it when the time left is short."""
    if failures and not deadlines.allow(FAILING_SECONDS):
        return otherwise
    try:
        return task()
    except Exception as error:  # noqa: BLE001  whatever it is, the other tasks do not depend on it
        telemetry.log_failure(error, "maintain", "")
        failures.append(error)
        return otherwise


def _expire_backlog() -> int:
    lost = _JSON.decode(database.owner.value("SELECT broker.expire_backlog()"))
    for each in lost:
        telemetry.warn("a subscription's backlog expired", **each)
        telemetry.count("Lost", each["messages"])
    return len(lost)


def _end_dead_letters() -> int:
    total = 0
    while deadlines.allow(removal.TASK_SECONDS):
        ended = _JSON.decode(
            database.owner.value("SELECT broker.end_dead_letters(%(limit)s)", {"limit": CLEARED_AT_ONCE})
        )
        if not ended:
            break
        for each in ended:
            telemetry.warn("dead letters ended after their topic's dead_days", **each)
            total += each["messages"]
    return total


def _clear(statement: str) -> int:
    cleared = 0
    while deadlines.allow(removal.TASK_SECONDS):
        rows = database.owner.value(statement, {"limit": CLEARED_AT_ONCE})
        if not rows:
            break
        cleared += rows
    return cleared


def _clear_kept() -> None:
    """Clear what was moved aside and is no longer needed, from the first message on, as far as the time allows."""
    after = None
    while deadlines.allow(removal.TASK_SECONDS):
        values = {"after": after, "limit": CLEARED_AT_ONCE}
        after = database.owner.value("SELECT broker.clear_kept(%(after)s::uuid, %(limit)s)", values)
        if after is None:
            return
