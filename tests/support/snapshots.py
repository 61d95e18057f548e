"""All stored rows, to check that a request changed nothing."""

from typing import Any

import psycopg

TABLES = """SELECT relname FROM pg_class
             WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
               AND relname NOT IN ('migrations', 'ring', 'partitions', 'limits', 'wake_up')"""


def everything(owner: psycopg.Connection[Any], *, but: str = "") -> dict[str, list[Any]]:
    """All rows of all tables `but` one, as text."""
    tables = [name for (name,) in owner.execute(TABLES) if name != but]
    return {table: owner.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall() for table in tables}
