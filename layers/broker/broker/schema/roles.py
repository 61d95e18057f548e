"""The roles of a database, and what they may do: execute the verbs that they need, and touch no table.

The functions have one login, or one each; a program has a login of its own, with roles of the SQL door.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from broker import deadlines
from broker.schema import verbs
from broker.settings import SettingInvalid

LIMITS = {
    "statement_timeout": f"{deadlines.STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "10s",
    "idle_session_timeout": "60s",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
}
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


def grant(connection: psycopg.Connection[Any], login_url: str, function_urls: Mapping[str, str]) -> list[str]:
    """Give each role of the SQL door, and each login of the functions, exactly its verbs; make those that are missing.

    The login of `login_url` gets the verbs of all functions; `function_urls` has the URL of a function's own login, by
    the function's folder. Returns a note for each step that the connection's login is not allowed to do, and goes on
    without it. Raises SettingInvalid for a function that has no verbs.
    """
    logins = _read_logins(login_url, function_urls)
    _withhold(connection)
    notes = list(_grant_door(connection))
    for user, login in logins.items():
        if user in {"", connection.info.user}:
            notes.append(f"{', '.join(login.sources)} is the owner's: give the functions a login of their own")
        else:
            notes += _grant_login(connection, user, login)
    notes += [
        f"{other} may execute verbs of the functions, and no setting names it: drop it, or revoke its rights"
        for other in sorted(_function_logins(connection) - logins.keys() - {connection.info.user})
    ]
    return notes


@dataclass(slots=True)
class _Login:
    sources: list[str]  # the settings that name it
    password: str
    verbs: set[str]


def _read_logins(login_url: str, function_urls: Mapping[str, str]) -> dict[str, _Login]:
    """The logins by name. One that several functions share gets the verbs of all of these."""
    if unknown := function_urls.keys() - verbs.FUNCTIONS.keys():
        known = ", ".join(verbs.FUNCTIONS)
        raise SettingInvalid(f"FUNCTION_DATABASE_URLS has {', '.join(sorted(unknown))}: it may have {known}")
    every = {verb for called in verbs.FUNCTIONS.values() for verb in called}
    given = [("DATABASE_URL", login_url, every)]
    given += [
        (f"{each} in FUNCTION_DATABASE_URLS", url, {*verbs.FUNCTIONS[each]}) for each, url in function_urls.items()
    ]
    logins: dict[str, _Login] = {}
    for source, url, called in given:
        parts = conninfo_to_dict(url)
        login = logins.setdefault(str(parts.get("user") or ""), _Login([], str(parts.get("password") or ""), set()))
        login.sources.append(source)
        login.verbs |= called
    return logins


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
        yield f"{connection.info.user} may not create {', '.join(missing)}: create these roles and migrate again"
    for role, executed in door.items():
        if role not in missing:
            _grant_verbs(connection, role, executed)
    for (former,) in connection.execute(FORMER, [[*door]]).fetchall():
        _revoke(connection, former)
        yield f"{former} has no rights in this database any more: grant its members {', '.join(door)}, as they need it"


def _grant_login(connection: psycopg.Connection[Any], user: str, login: _Login) -> Iterator[str]:
    owner = connection.info.user
    try:
        with connection.transaction():
            if not exists(connection, user):
                _create_login(connection, user, login.password)
    except psycopg.errors.InsufficientPrivilege:
        yield f"{owner} may not create the login {user}: create it and migrate again"
        return
    _grant_verbs(connection, user, login.verbs)
    try:
        with connection.transaction():
            for setting, value in LIMITS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        sql.Identifier(user), sql.Identifier(setting), sql.Literal(value)
                    )
                )
    except psycopg.errors.InsufficientPrivilege:
        yield f"{owner} may not change the login {user}: its limits go with each connection"


def _grant_verbs(connection: psycopg.Connection[Any], role: str, executed: Collection[str]) -> None:
    _revoke(connection, role)
    routines = sql.SQL(", ").join(sql.Identifier("broker", verb) for verb in sorted(executed))
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA broker TO {}").format(sql.Identifier(role)))
    connection.execute(sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}").format(routines, sql.Identifier(role)))


def _revoke(connection: psycopg.Connection[Any], role: str) -> None:
    identifier = sql.Identifier(role)
    connection.execute(sql.SQL("REVOKE ALL ON SCHEMA broker FROM {}").format(identifier))
    connection.execute(sql.SQL("REVOKE ALL ON ALL ROUTINES IN SCHEMA broker FROM {}").format(identifier))


def _create_login(connection: psycopg.Connection[Any], user: str, password: str) -> None:
    # hashed here, so that the server's log cannot show the password
    secret = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(user), sql.Literal(secret)))
