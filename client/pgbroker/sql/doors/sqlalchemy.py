"""SQLAlchemy 2: connections, and sessions, of which the connection is used, so that nothing is flushed.

The driver may be any for PostgreSQL: SQLAlchemy writes the placeholders that it needs.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy


def fetch(connection: Any, text: str, values: Mapping[str, Any]) -> str:
    if _is_session(connection):
        connection = connection.connection()
    return str(connection.execute(_clause(text), values).scalar_one())


async def fetch_async(connection: Any, text: str, values: Mapping[str, Any]) -> str:
    if _is_session(connection):
        connection = await connection.connection()
    return str((await connection.execute(_clause(text), values)).scalar_one())


def _is_session(connection: Any) -> bool:
    return hasattr(connection, "get_bind")  # the scoped ones have no base in common with the others


@cache
def _clause(text: str) -> sqlalchemy.TextClause:
    return sqlalchemy.text(re.sub(r"%\((\w+)\)s", r"(:\1)", text))  # in parentheses, because `::` follows
