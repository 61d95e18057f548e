"""psycopg 3: connections, and cursors, of which only the connection is used."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import scalar_row


def fetch(connection: psycopg.Connection[Any] | psycopg.Cursor[Any], text: str, values: Mapping[str, Any]) -> str:
    if isinstance(connection, psycopg.Cursor):
        connection = connection.connection
    kind = connection.cursor_factory
    if issubclass(kind, psycopg.RawCursor):  # its placeholders are others
        kind = psycopg.Cursor
    with kind(connection, row_factory=scalar_row) as cursor:
        return str(cursor.execute(text.encode(), values).fetchone())


async def fetch_async(
    connection: psycopg.AsyncConnection[Any] | psycopg.AsyncCursor[Any], text: str, values: Mapping[str, Any]
) -> str:
    if isinstance(connection, psycopg.AsyncCursor):
        connection = connection.connection
    kind = connection.cursor_factory
    if issubclass(kind, psycopg.AsyncRawCursor):
        kind = psycopg.AsyncCursor
    async with kind(connection, row_factory=scalar_row) as cursor:
        await cursor.execute(text.encode(), values)
        return str(await cursor.fetchone())
