"""The removal of a partition of the ring: what is still needed of it is moved aside, and then its tables go."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from broker import database, deadlines, telemetry
from broker.errors import DatabaseUnavailable

KEPT_AT_ONCE = 1_000  # messages a transaction
TASK_SECONDS = 3 * deadlines.STATEMENT_SECONDS  # to move, detach and drop
BLOCKED = "a long transaction may still read it"  # or another partition is being detached
NEEDED = "more of its messages are needed than may be moved aside"
BUSY = "an open transaction has published messages into it"
NO_TIME = "there was no time left"


class DuePartition(msgspec.Struct, frozen=True):
    """A partition that is past the retention, or whose removal was interrupted: then it is not `attached`."""

    name: str
    ends_at: datetime
    attached: bool
    busy: bool


class KeptPartition(msgspec.Struct, frozen=True):
    """A partition that is past the retention and stays, why, and for how long its last message has been stored."""

    partition: str
    reason: str
    age_days: int


class _Survivors(msgspec.Struct, frozen=True):
    """How many messages of a partition a topic needs, or one of its subscriptions, and why."""

    topic: str | None
    subscription_id: UUID | None
    why: str
    messages: int
    too_many: bool


def due() -> list[DuePartition]:
    """List the partitions to remove: those whose removal was interrupted, and then the oldest first."""
    return database.owner.call("SELECT name, ends_at, attached, busy FROM broker.due_partitions()", {}, DuePartition)


def keep(partition: DuePartition, reason: str) -> KeptPartition:
    """Note that a partition stays, in the log too."""
    age = (datetime.now(UTC) - partition.ends_at).days
    telemetry.warn("a partition stays past the retention", partition=partition.name, reason=reason, age_days=age)
    return KeptPartition(partition.name, reason, age)


def remove(partition: DuePartition) -> str:
    """Remove a partition; return why it stays, or an empty text when it was removed.

    It may be interrupted after any step. The next call goes on from there.
    """
    if partition.attached:
        if partition.busy:
            return BUSY
        if _are_too_many(partition):
            return NEEDED
        while _keep(partition):
            if not deadlines.allow(TASK_SECONDS):
                return NO_TIME
    if not deadlines.allow(TASK_SECONDS):
        return NO_TIME
    name = {"name": partition.name}
    try:
        for ring, table in database.owner.call(
            "SELECT ring, partition FROM broker.begin_removal(%(name)s)",
            name,
            lambda ring, partition: (ring, partition),
        ):
            database.owner.run("SET lock_timeout = '5s'")
            # without CONCURRENTLY it would wait for every reader of the ring, and all others would wait for it
            database.owner.run(f'ALTER TABLE broker.{ring} DETACH PARTITION broker."{table}" CONCURRENTLY')
        reason: str | None = database.owner.value("SELECT broker.finish_removal(%(name)s)", name)
    except DatabaseUnavailable:
        return BLOCKED
    return reason or ""


def _are_too_many(partition: DuePartition) -> bool:
    """Whether more messages of a partition are needed than may be moved aside; log for what they are."""
    survivors = database.owner.call(
        "SELECT topic, subscription_id, why, messages, too_many FROM broker.count_survivors(%(name)s)",
        {"name": partition.name},
        _Survivors,
    )
    if not survivors or not survivors[0].too_many:
        return False
    for each in survivors[:10]:
        telemetry.warn(
            "messages keep a partition past the retention",
            partition=partition.name,
            topic=each.topic,
            subscription=each.subscription_id,
            why=each.why,
            messages=each.messages,
        )
    return True


def _keep(partition: DuePartition) -> int:
    moved: int = database.owner.value(
        "SELECT broker.keep_survivors(%(name)s, %(limit)s)", {"name": partition.name, "limit": KEPT_AT_ONCE}
    )
    return moved
