"""All stored rows, to check that a request changed nothing."""

from typing import Any

import psycopg

TABLES = (
    *("topics", "messages", "queue", "log", "log_spans", "subscriptions", "redeliveries"),
    *("attempts", "idempotency_keys", "tokens"),
)


def everything(owner: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """All rows of all tables, as text."""
    return {table: owner.execute(f"SELECT t::text FROM {table} t ORDER BY 1".encode()).fetchall() for table in TABLES}
