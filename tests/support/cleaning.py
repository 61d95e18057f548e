"""Empty tables between tests, in one round trip of a session that is kept, and only where there are rows."""

from typing import Any, Self

import psycopg
from psycopg import sql

from broker import authorization

TABLES = """SELECT relname FROM pg_class WHERE relnamespace = 'broker'::regnamespace AND relkind IN ('r', 'p')
            AND NOT relispartition AND relname NOT IN ('migrations', 'ring', 'partitions', 'limits', 'wake_up')"""
DELETE = "IF EXISTS (SELECT FROM {table}) THEN DELETE FROM {table}; END IF;"
FUNCTION = """
CREATE FUNCTION pg_temp.clean(admin bytea, scopes text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    {deletes}
    UPDATE wake_up SET pending = '{{}}' WHERE pending <> '{{}}';
    INSERT INTO topics (name) VALUES ('default');
    INSERT INTO topic_states (topic_id) SELECT id FROM topics;
    INSERT INTO tokens (id, name, hash, scopes, topics) VALUES (gen_random_uuid(), 'admin', admin, scopes, '{{*}}');
END $$
"""


class Cleaner:
    def __init__(self, url: str, admin_token: str) -> None:
        self._url = url
        self._values = [authorization.digest(admin_token), list(authorization.SCOPES)]
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def clean(self) -> None:
        """Delete all rows but those that Migrate makes."""
        if self._connection is None:
            self._connection = self._connect()
        self._connection.execute("SELECT pg_temp.clean(%s, %s)", self._values)

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._url, autocommit=True, options="-c search_path=broker")
        tables = [sql.Identifier(name) for (name,) in connection.execute(TABLES)]
        deletes = sql.SQL("\n").join(sql.SQL(DELETE).format(table=table) for table in tables)
        connection.execute(sql.SQL(FUNCTION).format(deletes=deletes))
        return connection
