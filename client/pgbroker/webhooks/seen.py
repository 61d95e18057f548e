"""Which messages were handled before, in a table of PostgreSQL, for effects that happen exactly once.

`pgbroker.webhooks.django` has the same for the database of Django.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, LiteralString

if TYPE_CHECKING:
    import psycopg

# Makes the table. It is SQL of PostgreSQL and of SQLite.
TABLE: LiteralString = """
CREATE TABLE IF NOT EXISTS webhooks_seen (
    id text PRIMARY KEY,
    seen_at timestamp with time zone NOT NULL DEFAULT current_timestamp
)
"""
ADD = "INSERT INTO webhooks_seen (id) VALUES"
NO_TRANSACTION = "ids are remembered in the transaction of their effects, and none is open"


class PostgresSeen:
    """The table `webhooks_seen`, in the transaction of your connection of psycopg. `TABLE` makes it.

    What is added is remembered when the transaction commits, with the effects in it, and forgotten with them when it is
    rolled back. When two requests bring the same message at once, the second waits for the transaction of the first.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def add(self, *ids: str) -> Collection[str]:
        """Remember ids, and return those that are new.

        Raises RuntimeError when no transaction is open on a connection in autocommit: each id would be remembered at
        once, whatever becomes of its effects.
        """
        if self._connection.autocommit and self._connection.info.transaction_status.name == "IDLE":
            raise RuntimeError(NO_TRANSACTION)
        from psycopg.rows import tuple_row  # noqa: PLC0415 - the receiver of Django imports this module without psycopg

        with self._connection.cursor(row_factory=tuple_row) as cursor:
            return add(cursor, ids)


def add(cursor: Any, ids: Collection[str]) -> set[str]:
    """Remember ids with a cursor of the DB-API, whose parameters are `%s`, and return those that are new."""
    if not ids:
        return set()
    values = ", ".join(["(%s)"] * len(ids))
    # each id may wait for another transaction: in one order, so that two of them never wait for each other
    cursor.execute(f"{ADD} {values} ON CONFLICT DO NOTHING RETURNING id", sorted(ids))
    return {row[0] for row in cursor.fetchall()}
