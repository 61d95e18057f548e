"""The partitions of messages: how a test arranges them, and looks at them."""

import re
from typing import Any

import psycopg

BOUNDS = """SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
              FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'messages'::regclass AND NOT i.inhdetachpending"""
TABLES = r"""SELECT relname FROM pg_class
              WHERE relnamespace = 'broker'::regnamespace AND relkind = 'r' AND relname LIKE 'messages\_%'"""


def drop_all(owner: psycopg.Connection[Any]) -> None:
    for (name,) in owner.execute("DELETE FROM partitions RETURNING name").fetchall():
        owner.execute(f'DROP TABLE "{name}"'.encode())


def make(owner: psycopg.Connection[Any], at: str) -> int:
    """Make the partition of a time such as `now()`, as publish does at that time; return how many were made."""
    [made] = owner.execute(f"SELECT ensure_partitions({at}, {at})".encode()).fetchone() or [0]
    return int(made)


def add(owner: psycopg.Connection[Any], name: str, begins_at: str, ends_at: str) -> None:
    """Add a partition from one time to another, whatever the broker would make."""
    owner.execute(f"INSERT INTO partitions VALUES ('{name}', {begins_at}, {ends_at})".encode())
    owner.execute(f"CREATE TABLE {name} (LIKE messages INCLUDING ALL)".encode())
    owner.execute(f"SELECT attach_partition('{name}')".encode())


def detach(owner: psycopg.Connection[Any], name: str) -> None:
    """Begin to remove a partition as Maintain does, up to the end of the DETACH."""
    owner.execute("SELECT begin_removal(%s)", [name])
    owner.execute(f"ALTER TABLE messages DETACH PARTITION {name} CONCURRENTLY".encode())


def attached(owner: psycopg.Connection[Any]) -> list[str]:
    """The names of the partitions that are attached, in the catalog as in the table of partitions."""
    names = sorted(name for name, _ in owner.execute(BOUNDS.encode()))
    assert names == [
        n for (n,) in owner.execute('SELECT name FROM partitions WHERE attached ORDER BY name COLLATE "C"')
    ]
    return names


def tables(owner: psycopg.Connection[Any]) -> list[str]:
    """The names of all tables that are or were partitions."""
    return sorted(name for (name,) in owner.execute(TABLES.encode()))


def bounds(owner: psycopg.Connection[Any]) -> list[tuple[int, int]]:
    """The begin and the end of each partition that is attached, in milliseconds since 1970."""
    uuids = [re.findall(r"'([0-9a-f-]{36})'", bound) for _, bound in owner.execute(BOUNDS.encode())]
    assert all(uuid.endswith("-0000-0000-000000000000") for pair in uuids for uuid in pair)
    return sorted((_milliseconds(first), _milliseconds(end)) for first, end in uuids)


def _milliseconds(uuid: str) -> int:
    return int(uuid.replace("-", "")[:12], 16)
