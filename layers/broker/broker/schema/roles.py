"""Rights in the database: the functions' login may call every verb, the client role those of the SQL door.

Neither may touch a table, nor call the helpers of the verbs or what maintenance runs as the owner of the schema.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from broker import deadlines

CLIENT = "broker_client"  # for the login of a program: GRANT broker_client TO …
DOOR = ("publish", "publish_batch", "consume", "settle", "broadcast")
LIMITS = {
    "statement_timeout": f"{deadlines.STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "10s",
    "idle_session_timeout": "60s",
    "timezone": "UTC",
}


def grant(connection: psycopg.Connection[Any], login_url: str, verbs: Sequence[str]) -> list[str]:
    """Give the login of `login_url` the verbs, and the client role the SQL door; make the roles that are missing.

    Returns a note for each step that the connection's role is not allowed to do, and goes on without it.
    """
    login = conninfo_to_dict(login_url)
    user = str(login.get("user") or "")
    owner = connection.info.user
    notes = []
    try:
        with connection.transaction():
            _grant_door(connection)
    except psycopg.errors.InsufficientPrivilege:
        notes.append(f"{owner} may not create the role {CLIENT}: grant the verbs to the logins that call them from SQL")
    if user in {"", owner}:
        return [*notes, "DATABASE_URL is the owner's: give the functions a login of their own"]
    try:
        with connection.transaction():
            if not _exists(connection, user):
                _create_login(connection, user, str(login.get("password") or ""))
    except psycopg.errors.InsufficientPrivilege:
        return [*notes, f"{owner} may not create the login {user}: create it and migrate again"]
    name = sql.Identifier(user)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA broker TO {}").format(name))
    connection.execute(sql.SQL("REVOKE ALL ON ALL ROUTINES IN SCHEMA broker FROM {}").format(name))
    _grant_verbs(connection, verbs, user)
    try:
        with connection.transaction():
            for setting, value in LIMITS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
                )
    except psycopg.errors.InsufficientPrivilege:
        notes.append(f"{owner} may not change the login {user}: its limits go with each connection")
    return notes


def _grant_door(connection: psycopg.Connection[Any]) -> None:
    client = sql.Identifier(CLIENT)
    if not _exists(connection, CLIENT):
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(client))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA broker TO {}").format(client))
    _grant_verbs(connection, DOOR, CLIENT)


def _grant_verbs(connection: psycopg.Connection[Any], verbs: Sequence[str], role: str) -> None:
    routines = sql.SQL(", ").join(sql.Identifier("broker", verb) for verb in verbs)
    connection.execute(sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}").format(routines, sql.Identifier(role)))


def _exists(connection: psycopg.Connection[Any], role: str) -> bool:
    return connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def _create_login(connection: psycopg.Connection[Any], user: str, password: str) -> None:
    # hashed here, so that the server's log cannot show the password
    secret = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(secret)))
