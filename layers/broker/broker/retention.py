"""The daily chores of the database, run as the schema's owner."""

from dataclasses import dataclass

from broker import database, deadlines

CLEARED_AT_ONCE = 10_000  # rows a transaction
SPARE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done: partitions made ahead; rows cleared, of deleted topics and of old idempotency keys."""

    partitions: int
    cleared: int


@dataclass(frozen=True, slots=True)
class _Count:
    count: int


def maintain() -> Maintained:
    """Make the partitions of the days ahead, and clear what is not needed any more. Safe to repeat and to break off."""
    partitions = _count("SELECT broker.ensure_partitions(statement_timestamp() + interval '2 days') AS count")
    cleared = 0
    for statement in (
        "SELECT broker.clear_deleted_topics(%(limit)s) AS count",
        "SELECT broker.clear_idempotency_keys(%(limit)s) AS count",
    ):
        while deadlines.left() > SPARE_SECONDS and (rows := _count(statement, limit=CLEARED_AT_ONCE)):
            cleared += rows
    return Maintained(partitions, cleared)


def _count(statement: str, **values: int) -> int:
    [result] = database.owner.call(statement, values, _Count)
    return result.count
