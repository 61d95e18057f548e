"""The daily chores of the database, run as the schema's owner."""

from dataclasses import dataclass

from broker import database, deadlines

CLEARED_AT_ONCE = 10_000  # rows a transaction
SPARE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done: partitions made ahead, rows of deleted topics cleared."""

    partitions: int
    cleared: int


@dataclass(frozen=True, slots=True)
class _Count:
    count: int


def maintain() -> Maintained:
    """Make the partitions of the days ahead, and clear what deleted topics left. Safe to repeat and to break off."""
    partitions = _count("SELECT broker.ensure_partitions(statement_timestamp() + interval '2 days') AS count")
    cleared = 0
    while deadlines.left() > SPARE_SECONDS:
        rows = _count("SELECT broker.clear_deleted_topics(%(limit)s) AS count", limit=CLEARED_AT_ONCE)
        if not rows:
            break
        cleared += rows
    return Maintained(partitions, cleared)


def _count(statement: str, **values: int) -> int:
    [result] = database.owner.call(statement, values, _Count)
    return result.count
