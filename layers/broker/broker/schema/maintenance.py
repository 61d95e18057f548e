"""The daily maintenance of the database, run as the owner of the schema."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from broker import database, deadlines, telemetry
from broker.errors import DatabaseUnavailable

CLEARED_AT_ONCE = 10_000  # rows a transaction
TASK_SECONDS = 3 * deadlines.STATEMENT_SECONDS  # to clear, detach and drop a partition
FAILING_SECONDS = deadlines.CONNECT_SECONDS + TASK_SECONDS  # after a failure the database may be unavailable
BLOCKED = "a long transaction may still read it"  # or another partition is being detached

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class KeptPartition:
    """A partition that is past the retention and stays, and why."""

    partition: str
    reason: str


@dataclass(frozen=True, slots=True)
class Maintained:
    """The result: partitions made ahead, removed, and kept past the retention; and rows cleared, by what they were.

    `lost` counts the paused and disabled subscriptions whose backlog expired; each of them shows the range.
    """

    made: int
    lost: int
    removed: list[str]
    kept: list[KeptPartition]
    cleared: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Partition:
    name: str
    first_id: UUID
    end_id: UUID
    holds: str | None
    attached: bool


def maintain() -> Maintained:
    """Make the partitions of the days ahead, remove those past the retention, and clear rows that nobody needs.

    Safe to repeat, and to interrupt. No step is long, and none blocks a publisher or consumer. When a task fails, the
    failure is logged, the other tasks still run, and the first failure is raised at the end.
    """
    failures: list[Exception] = []
    ahead = "SELECT broker.ensure_partitions(statement_timestamp(), statement_timestamp() + interval '2 days')"
    made = _try(partial(database.owner.value, ahead), 0, failures)
    lost = _try(partial(database.owner.value, "SELECT broker.expire_backlog()"), 0, failures)
    cleared = {
        what: _try(partial(_clear, statement), 0, failures)
        for what, statement in {
            "deleted_topics": "SELECT broker.clear_deleted_topics(%(limit)s)",
            "idempotency_keys": "SELECT broker.clear_idempotency_keys(%(limit)s)",
            "attempts": "SELECT broker.clear_attempts(%(limit)s)",
        }.items()
    }
    removed, kept = [], []
    due: list[_Partition] = _try(_due, [], failures)
    blocked = False
    for partition in due:
        if blocked:  # PostgreSQL detaches one partition at a time
            reason = partition.holds or BLOCKED
        else:
            reason = _try(partial(_remove, partition), "it could not be removed", failures)
            blocked = reason == BLOCKED
        if reason:
            kept.append(KeptPartition(partition.name, reason))
        else:
            removed.append(partition.name)
    if failures:
        raise failures[0]
    return Maintained(made, lost, removed, kept, cleared)


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


def _due() -> list[_Partition]:
    return database.owner.call(
        "SELECT name, first_id, end_id, holds, attached FROM broker.due_partitions()", {}, _Partition
    )


def _remove(partition: _Partition) -> str:
    """Remove a partition, and its messages from the log; return why it stays, or an empty text when it was removed.

    It may be interrupted after any step. The next call goes on from there.
    """
    if partition.holds and partition.attached:
        return partition.holds
    while not partition.holds and deadlines.allow(TASK_SECONDS):
        values = {"first_id": partition.first_id, "end_id": partition.end_id, "limit": CLEARED_AT_ONCE}
        if not database.owner.value("SELECT broker.clear_log(%(first_id)s, %(end_id)s, %(limit)s)", values):
            break
    if not deadlines.allow(TASK_SECONDS):
        return "there was no time left"
    name = {"name": partition.name}
    try:
        if database.owner.value("SELECT broker.begin_removal(%(name)s)", name):
            database.owner.run("SET lock_timeout = '5s'")
            # without CONCURRENTLY it would wait for every reader of messages, and all others would wait for it
            database.owner.run(f'ALTER TABLE broker.messages DETACH PARTITION broker."{partition.name}" CONCURRENTLY')
        reason: str | None = database.owner.value("SELECT broker.finish_removal(%(name)s)", name)
    except DatabaseUnavailable:
        return BLOCKED
    return reason or ""


def _clear(statement: str) -> int:
    cleared = 0
    while deadlines.allow(TASK_SECONDS) and (rows := database.owner.value(statement, {"limit": CLEARED_AT_ONCE})):
        cleared += rows
    return cleared
