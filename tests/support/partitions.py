"""The partitions of the ring: how a test arranges them, and looks at them."""

import re
from collections.abc import Collection
from typing import Any

import psycopg

RINGS = ("messages", "log", "log_spans", "attempts")
BOUNDS = """SELECT i.inhparent::regclass::text, c.relname, pg_get_expr(c.relpartbound, c.oid)
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE c.relnamespace = 'broker'::regnamespace AND c.relkind = 'r' AND NOT i.inhdetachpending"""
TABLES = """SELECT relname FROM pg_class WHERE relnamespace = 'broker'::regnamespace AND relkind = 'r'
                AND relname ~ '^(messages|log|log_spans|attempts)_' AND relname <> 'log_spans'"""
# Where the id of a message is; and the times that move with it.
IDS = {"messages": "id", "log": "message_id", "queue": "message_id", "redeliveries": "message_id"}
TIMES = {"messages": "created_at", "log": "broadcast_at", "log_spans": "broadcast_at", "attempts": "started_at"}


def drop_all(owner: psycopg.Connection[Any]) -> None:
    for (name,) in owner.execute("DELETE FROM partitions RETURNING name").fetchall():
        for ring in RINGS:
            owner.execute(f'DROP TABLE "{ring}_{name}"'.encode())


def make(owner: psycopg.Connection[Any], at: str) -> int:
    """Make the partition of a time such as `now()`, as publish does at that time; return how many were made."""
    [made] = owner.execute(f"SELECT ensure_partitions({at}, {at})".encode()).fetchone() or [0]
    return int(made)


def add(owner: psycopg.Connection[Any], name: str, begins_at: str, ends_at: str) -> None:
    """Add a partition from one time to another, whatever the broker would make."""
    [role] = owner.execute("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'broker'").fetchone() or []
    owner.execute(f"INSERT INTO partitions VALUES ('{name}', {begins_at}, {ends_at})".encode())
    for ring in RINGS:
        owner.execute(f'CREATE TABLE "{ring}_{name}" (LIKE {ring} INCLUDING ALL)'.encode())
        owner.execute(f'ALTER TABLE "{ring}_{name}" OWNER TO {role}'.encode())
    owner.execute("SELECT attach_partition(%s)", [name])


def detach(owner: psycopg.Connection[Any], name: str, rings: tuple[str, ...] = RINGS) -> None:
    """Begin to remove a partition as Maintain does, up to the end of the DETACH of these of its tables."""
    owner.execute("SELECT FROM begin_removal(%s)", [name])
    owner.execute("SET lock_timeout = '5s'")
    for ring in rings:
        owner.execute(f'ALTER TABLE {ring} DETACH PARTITION "{ring}_{name}" CONCURRENTLY'.encode())


def make_older(owner: psycopg.Connection[Any], days: int, tables: Collection[str] = (*IDS, *TIMES)) -> None:
    """Move what was published, broadcast and sent so many days into the past, with its ids; or some tables only."""
    for table, column in IDS.items():
        if table in tables:
            hexadecimal = f"replace({column}::text, '-', '')"
            milliseconds = f"('x' || left({hexadecimal}, 12))::bit(48)::bigint - {days} * 86400000::bigint"
            older = f"(lpad(to_hex({milliseconds}), 12, '0') || substr({hexadecimal}, 13))::uuid"
            owner.execute(f"UPDATE {table} SET {column} = {older}".encode())
    for table, column in TIMES.items():
        if table in tables:
            owner.execute(f"UPDATE {table} SET {column} = {column} - interval '{days} days'".encode())


def attached(owner: psycopg.Connection[Any]) -> list[str]:
    """The names of the partitions that are attached: each of the four tables, as the table of partitions says."""
    [names] = {tuple(sorted(_names(owner, ring))) for ring in RINGS}
    recorded = owner.execute("SELECT name FROM partitions WHERE attached ORDER BY name").fetchall()
    assert [*names] == [name for (name,) in recorded]
    return [*names]


def tables(owner: psycopg.Connection[Any]) -> set[str]:
    """The names of the partitions of which a table is left, attached or not."""
    found = owner.execute(TABLES.encode()).fetchall()
    return {re.sub("^(messages|log_spans|log|attempts)_", "", table) for (table,) in found}


def bounds(owner: psycopg.Connection[Any]) -> list[tuple[int, int]]:
    """The begin and the end of each partition that is attached, in milliseconds since 1970."""
    found = [bound for ring, _, bound in owner.execute(BOUNDS.encode()) if ring == "messages"]
    uuids = [re.findall(r"'([0-9a-f-]{36})'", bound) for bound in found]
    assert all(uuid.endswith("-0000-0000-000000000000") for pair in uuids for uuid in pair)
    return sorted((_milliseconds(first), _milliseconds(end)) for first, end in uuids)


def _names(owner: psycopg.Connection[Any], of_ring: str) -> list[str]:
    found = owner.execute(BOUNDS.encode()).fetchall()
    return [table.removeprefix(f"{of_ring}_") for ring, table, _ in found if ring == of_ring]


def _milliseconds(uuid: str) -> int:
    return int(uuid.replace("-", "")[:12], 16)
