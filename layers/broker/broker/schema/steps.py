"""A step of a migration: in it no other process migrates, and it does not keep the users of the database waiting.

A statement that waits for a lock holds up all that come after it and want the same table. So a step waits for a moment,
gives up, and is tried again after a pause.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable

from broker import admission, database, deadlines
from broker.errors import DatabaseUnavailable

LOCK_MS = 500  # for which a step waits for a lock, and a publish behind it
# On each fourth try: PostgreSQL ends an autovacuum that is in the way of a statement after its deadlock_timeout of 1 s.
LONG_LOCK_MS = 1200
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0  # each pause is twice the one before
PATIENCE_SECONDS = 300.0  # for which a step is tried; less when the invocation has less

LIMITS = """
    SET {local} search_path = broker, pg_temp;
    SET {local} check_function_bodies = off;
    SET {local} client_min_messages = warning;
    SET {local} statement_timeout = 0;  -- a change of a large table may take long
    SET {local} lock_timeout = {lock_ms};"""


Value = TypeVar("Value")


def admitted(call: Callable[[], Value]) -> Value:
    """Call, and again while IAM refuses the login, or the secret with its URL."""
    return admission.persist(call, lambda error: getattr(error, "refused_by_iam", False))


def persist(step: Callable[[int], Value]) -> Value:
    """Run a step; run it again after a pause, while other sessions hold locks that it needs.

    The step is given the milliseconds for which it may wait for a lock. Raises DatabaseUnavailable in the end.
    """
    ends_at = time.monotonic() + min(PATIENCE_SECONDS, deadlines.left())
    pause = FIRST_PAUSE_SECONDS
    tries = 0
    while True:
        tries += 1
        try:
            return admitted(partial(step, LOCK_MS if tries % 4 else LONG_LOCK_MS))
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, LockNotAvailable | DeadlockDetected):
                raise
            seconds = pause * random.uniform(0.5, 1.5)  # noqa: S311  so that several processes do not meet again
            if time.monotonic() + seconds + LONG_LOCK_MS / 1000 > ends_at:
                reason = str(error.__cause__).split("\n")[0]
                raise DatabaseUnavailable(f"tried {tries} times: {reason}; migrate again later") from error.__cause__
        time.sleep(seconds)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


@contextlib.contextmanager
def transaction(lock_ms: int) -> Iterator[psycopg.Connection[Any]]:
    """Open a transaction in which no other process migrates."""
    with database.owner.transaction() as connection:
        connection.execute(LIMITS.format(local="LOCAL", lock_ms=lock_ms).encode())
        _take(connection, b"SELECT pg_try_advisory_xact_lock(hashtext('broker.migrations'))")
        yield connection


@contextlib.contextmanager
def session() -> Iterator[psycopg.Connection[Any]]:
    """Open a session in autocommit in which no other process migrates.

    It waits for locks without end: CREATE INDEX CONCURRENTLY waits for all transactions, and nobody waits for it. When
    the invocation ends before a statement does, the server completes the statement, and keeps the lock until then.
    """
    with database.owner.session() as connection:
        connection.execute(LIMITS.format(local="", lock_ms=0).encode())
        _take(connection, b"SELECT pg_try_advisory_lock(hashtext('broker.migrations'))")
        yield connection


def _take(connection: psycopg.Connection[Any], lock: bytes) -> None:
    """Take the lock, or fail at once: to wait takes a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots."""
    if connection.execute(lock).fetchone() != (True,):
        raise LockNotAvailable("another process is migrating")
