"""The roles of a database, and what they may do: execute the verbs that they need, and touch no table.

The functions have one login, or one each; a program has a login of its own, with roles of the SQL door.
"""

import hashlib
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from broker import deadlines
from broker.schema import verbs

LIMITS = {
    "statement_timeout": f"{deadlines.STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "10s",
    "idle_session_timeout": "60s",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
}
OTHERS = 10  # connections that are left to Migrate, Maintain, programs and administrators
FIT = """
SELECT greatest(1, current_setting('max_connections')::integer
                   - current_setting('superuser_reserved_connections')::integer
                   - coalesce(current_setting('reserved_connections', true), '0')::integer  -- since PostgreSQL 16
                   - %s)
"""
MAX_NAME = 63  # bytes
# Other roles of the SQL door that have rights here: of the database that this is a copy of, and that of version 0.1.
FORMER = """
SELECT DISTINCT r.rolname
  FROM (SELECT nspacl FROM pg_namespace WHERE nspname = 'broker'
        UNION ALL SELECT proacl FROM pg_proc WHERE pronamespace = 'broker'::regnamespace) granted (acl),
       aclexplode(granted.acl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE NOT r.rolcanlogin AND r.rolname ~ '^broker_(client$|producer_|consumer_|reader_)' AND r.rolname <> ALL (%s)
 ORDER BY 1
"""
# Rights on what no function and no role of the SQL door may execute: helpers, and what Maintain calls.
WITHHELD = """
SELECT DISTINCT p.oid::regprocedure::text, a.grantee::regrole::text
  FROM pg_proc p, aclexplode(p.proacl) a
 WHERE p.pronamespace = 'broker'::regnamespace AND p.proname <> ALL (%s) AND a.grantee <> p.proowner AND a.grantee <> 0
"""
# Logins that may execute what is for functions only.
FUNCTION_LOGINS = """
SELECT DISTINCT r.rolname
  FROM pg_proc p, aclexplode(p.proacl) a JOIN pg_roles r ON r.oid = a.grantee
 WHERE p.pronamespace = 'broker'::regnamespace AND p.proname <> ALL (%s) AND a.grantee <> p.proowner AND r.rolcanlogin
 ORDER BY 1
"""


class Login(msgspec.Struct):
    """A login of one function, or of several."""

    role: str  # its name in the database; empty: its URL has no user
    url: str
    owner: str  # the login that migrates
    sources: list[str] = msgspec.field(default_factory=list)  # the settings that name it
    verbs: set[str] = msgspec.field(default_factory=set)
    exists: bool = True
    works: bool = True  # False: its URL does not log in

    @property
    def is_owner(self) -> bool:
        return self.role in {"", self.owner}


def name(kind: str, connection: psycopg.Connection[Any]) -> str:
    """The name of a role of this database: a role of the whole server would have rights in its other brokers too."""
    [database] = connection.execute("SELECT current_database()").fetchone() or [""]
    return name_in(kind, str(database))


def name_in(kind: str, database: str) -> str:
    """The name of a role of a database. One that is too long for PostgreSQL ends with a digest instead."""
    full = f"broker_{kind}_{database}".encode()
    if len(full) <= MAX_NAME:
        return full.decode()
    digest = "_" + hashlib.sha256(full).hexdigest()[:8]
    return full[: MAX_NAME - len(digest)].decode(errors="ignore") + digest  # ignore: no half of a character


def exists(connection: psycopg.Connection[Any], role: str) -> bool:
    """Whether the server has this role."""
    return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def session_user(connection: psycopg.Connection[Any]) -> str:
    """The login of a connection, as the server knows it."""
    [user] = connection.execute("SELECT session_user").fetchone() or [""]
    return str(user)


def tenant(connection: psycopg.Connection[Any]) -> str:
    """What a pooler takes after the login's name, such as ".project" at Supabase's; empty for any other server."""
    user = session_user(connection)
    return connection.info.user.removeprefix(user) if connection.info.user.startswith(f"{user}.") else ""


def grant(connection: psycopg.Connection[Any], logins: Collection[Login]) -> list[str]:
    """Give each role of the SQL door, and each login of the functions, exactly its verbs; make the roles of the door.

    Returns a note for each step that the connection's login is not allowed to do, and goes on without it.
    """
    _withhold(connection)
    notes = list(_grant_door(connection))
    for login in logins:
        if login.is_owner:
            notes.append(f"{', '.join(login.sources)} is the owner's: give the functions a login of their own")
        elif login.exists:
            notes += _grant_login(connection, login)
    notes += [
        f"{other} may execute verbs of the functions, and no setting names it: drop it, or revoke its rights"
        for other in sorted(
            _function_logins(connection) - {login.role for login in logins} - {session_user(connection)}
        )
    ]
    return notes


def connections(connection: psycopg.Connection[Any]) -> int:
    """How many connections the functions may open, so that the owner and an administrator still can: 1 at least."""
    [fit] = connection.execute(FIT, [OTHERS]).fetchone() or [1]
    return int(fit)


def _function_logins(connection: psycopg.Connection[Any]) -> set[str]:
    door = [verb for executed in verbs.DOOR.values() for verb in executed]
    return {login for (login,) in connection.execute(FUNCTION_LOGINS, [door]).fetchall()}


def _withhold(connection: psycopg.Connection[Any]) -> None:
    """Take from every role what only the owner may execute."""
    listed = [verb for rights in (verbs.FUNCTIONS, verbs.DOOR) for executed in rights.values() for verb in executed]
    for routine, role in connection.execute(WITHHELD, [listed]).fetchall():
        connection.execute(f"REVOKE ALL ON ROUTINE {routine} FROM {role} CASCADE".encode())


def _grant_door(connection: psycopg.Connection[Any]) -> Iterator[str]:
    door = {name(kind, connection): executed for kind, executed in verbs.DOOR.items()}
    missing = [role for role in door if not exists(connection, role)]
    try:
        with connection.transaction():
            for role in missing:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            missing = []
    except psycopg.errors.InsufficientPrivilege:
        yield f"{session_user(connection)} may not create {', '.join(missing)}: create these roles and migrate again"
    for role, executed in door.items():
        if role not in missing:
            _grant_verbs(connection, role, executed)
    for (former,) in connection.execute(FORMER, [[*door]]).fetchall():
        _revoke(connection, former)
        yield f"{former} has no rights in this database any more: grant its members {', '.join(door)}, as they need it"


def _grant_login(connection: psycopg.Connection[Any], login: Login) -> Iterator[str]:
    _grant_verbs(connection, login.role, login.verbs)
    role = sql.Identifier(login.role)
    try:
        with connection.transaction():
            for setting, value in LIMITS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(role, sql.Identifier(setting), sql.Literal(value))
                )
            connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(role, connections(connection)))
    except psycopg.errors.InsufficientPrivilege:
        yield (
            f"{login.owner} may not change the login {login.role}: its time limits go with each connection, and it has"
            " no limit of connections"
        )


def _grant_verbs(connection: psycopg.Connection[Any], role: str, executed: Collection[str]) -> None:
    _revoke(connection, role)
    routines = sql.SQL(", ").join(sql.Identifier("broker", verb) for verb in sorted(executed))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA broker TO {}").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}").format(routines, sql.Identifier(role)))


def _revoke(connection: psycopg.Connection[Any], role: str) -> None:
    identifier = sql.Identifier(role)
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA broker FROM {}").format(identifier))
    connection.execute(sql.SQL("REVOKE ALL ON ALL ROUTINES IN SCHEMA broker FROM {}").format(identifier))
