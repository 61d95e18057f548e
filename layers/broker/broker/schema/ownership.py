"""The owner of the schema: a role without a login. So a verb, which runs as its owner, has the rights of no login."""

from typing import Any, Literal

import psycopg
from psycopg import sql

from broker.schema import roles

POSTGRES_16 = 160_000  # as server_version has it
# Statements that give the owner what is in the schema and belongs to another role. Sequences of identities, indexes and
# row types follow their table. A partition whose DETACH was interrupted cannot change its owner before the end of that.
STATEMENTS = """
SELECT format('ALTER SCHEMA broker OWNER TO %%s', %(owner)s::text)
  FROM pg_namespace WHERE nspname = 'broker' AND nspowner <> %(owner)s::regrole
UNION ALL
SELECT format('ALTER TABLE %%s DETACH PARTITION broker.%%I FINALIZE', i.inhparent::regclass, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_inherits i ON i.inhrelid = c.oid
 WHERE n.nspname = 'broker' AND i.inhdetachpending AND c.relowner <> %(owner)s::regrole
UNION ALL
SELECT format('ALTER TABLE broker.%%I OWNER TO %%s', c.relname, %(owner)s::text)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'broker' AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> %(owner)s::regrole
UNION ALL
SELECT format('ALTER ROUTINE broker.%%I(%%s) OWNER TO %%s', p.proname, pg_get_function_identity_arguments(p.oid),
              %(owner)s::text)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname = 'broker' AND p.proowner <> %(owner)s::regrole
"""


def take(connection: psycopg.Connection[Any]) -> list[str]:
    """Give the schema, and all in it, to the role broker_owner_<database>; act as that role in this transaction.

    Creates the role and the schema where they are missing. Where the login may not use such a role, the login itself
    is the owner, and a note says so. Safe to repeat: it changes only what belongs to another role.
    """
    owner = roles.name("owner", connection)
    try:
        with connection.transaction():
            _join(connection, owner)
            quoted = sql.Identifier(owner).as_string(connection)
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS broker AUTHORIZATION {quoted}".encode())
            for (statement,) in connection.execute(STATEMENTS, {"owner": quoted}).fetchall():
                connection.execute(statement.encode())
            become(connection, "LOCAL")
    except psycopg.errors.InsufficientPrivilege:
        login = roles.session_user(connection)
        connection.execute("CREATE SCHEMA IF NOT EXISTS broker")
        return [f"{login} may not use the role {owner}: create it, grant it to {login}, and migrate again"]
    return []


def become(connection: psycopg.Connection[Any], scope: Literal["LOCAL", "SESSION"]) -> None:
    """Act as the owner of the schema from now on, to the end of the transaction or of the session."""
    found = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'broker'"
    for (owner,) in connection.execute(found.encode()).fetchall():
        connection.execute(f"SET {scope} ROLE {owner}".encode())


def _join(connection: psycopg.Connection[Any], owner: str) -> None:
    """Create the role unless it exists, and let the login use its rights. Raises InsufficientPrivilege."""
    role = sql.Identifier(owner)
    if not roles.exists(connection, owner):
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(role))
    if _uses(connection, owner):
        return
    # since PostgreSQL 16 the creator of a role may grant it to itself, and cannot use it before
    options = "WITH INHERIT TRUE, SET TRUE" if connection.info.server_version >= POSTGRES_16 else ""
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER {}").format(role, sql.SQL(options)))
    if not _uses(connection, owner):  # before PostgreSQL 16, a login with NOINHERIT
        raise psycopg.errors.InsufficientPrivilege


def _uses(connection: psycopg.Connection[Any], owner: str) -> bool:
    """Whether the login has the rights of the role (Maintain needs them), and may become it."""
    become = "SET" if connection.info.server_version >= POSTGRES_16 else "MEMBER"
    used = "SELECT pg_has_role(%(owner)s, 'USAGE') AND pg_has_role(%(owner)s, %(become)s)"
    return connection.execute(used, {"owner": owner, "become": become}).fetchone() == (True,)
