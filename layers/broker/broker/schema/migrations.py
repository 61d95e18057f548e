"""Bring the schema up to date: its owner, numbered migrations forward, then every function again, then rights.

Each migration commits by itself, and the functions and rights after the last one.
"""

import re
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from broker import authorization, settings
from broker.schema import functions, logins, ownership, roles, steps
from broker.schema.payload import NOTHING, Payload

MIGRATIONS = files("broker") / "sql" / "migrations"
FIRST_VERSION = 10  # those before were folded into it
OUTSIDE = (
    "-- outside a transaction\n"  # the first line of a migration with statements such as CREATE INDEX CONCURRENTLY
)


class SchemaIsTooOld(Exception):
    """The schema was made by a version before 0.2, which this one cannot bring up to date. Nothing was changed."""


class SchemaIsNewer(Exception):
    """The database was migrated by a newer version of pgbroker. Nothing was changed."""


class Migrated(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a migration. `notes` say what its login was not allowed to do, and what to do about it."""

    version: int
    applied: list[str]
    notes: list[str]
    connections: int | None  # that the functions may open together; None: a pooler decides
    functions_url: str | None = None  # with which the functions can log in, when the payload has their password


class _Migration(msgspec.Struct, frozen=True):
    version: int
    name: str
    source: str


def migrate(payload: Payload = NOTHING) -> Migrated:
    """Apply what is missing, and what the payload says. Safe to repeat, and to run in several processes at once.

    A migration that fails changes nothing, and those before it stay. Raises SchemaIsTooOld; SchemaIsNewer;
    FunctionInUse; CannotConnect and SettingInvalid for a URL of the settings that cannot be used; and
    DatabaseUnavailable when the database does not answer, when other sessions hold locks for too long, or another
    process migrates for long.
    """
    migrations = _read_migrations()
    last = migrations[-1].version
    applied: list[str] = []
    notes, done = steps.persist(partial(_take_ownership, last))
    for migration in migrations:
        if migration.version not in done:
            apply = _apply_outside if migration.source.startswith(OUTSIDE) else _apply
            done = steps.persist(partial(apply, migration, last))
            if migration.version not in done:
                applied.append(migration.name)
    found, connections = steps.persist(partial(_read_logins, payload))
    notes += logins.make(found)
    notes += steps.persist(partial(_replace_functions, last, payload, found))
    notes += logins.check(found)
    url = found[0].url if payload.functions_password and found[0].works else None
    return Migrated(last, applied, notes, connections, url)


def _read_migrations() -> list[_Migration]:
    names = sorted(file.name for file in MIGRATIONS.iterdir())
    return [
        _Migration(int(name.split("_")[0]), name.removesuffix(".sql"), (MIGRATIONS / name).read_text())
        for name in names
    ]


def _read_versions(connection: psycopg.Connection[Any], last: int) -> set[int]:
    """Return the versions that the schema has; make what they are kept in. Raises SchemaIsTooOld, SchemaIsNewer."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT statement_timestamp())"
    )
    done = {version for (version,) in connection.execute("SELECT version FROM migrations")}
    if done and min(done) < FIRST_VERSION:
        raise SchemaIsTooOld(
            "the schema was made by a version before 0.2: nothing was changed; remove the data folder, or drop the"
            " schema broker"
        )
    if (newest := max(done, default=0)) > last:
        raise SchemaIsNewer(
            f"the schema has version {newest}, and this version of pgbroker knows none after {last}: nothing was"
            " changed; migrate with the newer version of pgbroker"
        )
    return done


def _take_ownership(last: int, lock_ms: int) -> tuple[list[str], set[int]]:
    """Give the schema to its owner; return the notes on that, and the versions that the schema has."""
    with steps.transaction(lock_ms) as connection:
        notes = ownership.take(connection)
        return notes, _read_versions(connection, last)


def _apply(migration: _Migration, last: int, lock_ms: int) -> set[int]:
    """Apply a migration, unless another process has; return the versions that the schema had before."""
    with steps.transaction(lock_ms) as connection:
        ownership.become(connection, "LOCAL")
        done = _read_versions(connection, last)
        if migration.version not in done:
            _run(connection, [migration.source], migration)
    return done


def _apply_outside(migration: _Migration, last: int, _lock_ms: int) -> set[int]:
    """Do the same outside of a transaction, statement by statement: each ends with a semicolon and its line."""
    with steps.session() as connection:
        ownership.become(connection, "SESSION")
        done = _read_versions(connection, last)
        if migration.version not in done:
            _drop_invalid_indexes(connection, migration.source)
            _run(connection, re.split(r"(?<=;)[ \t]*\n", migration.source), migration)
    return done


def _run(connection: psycopg.Connection[Any], statements: Sequence[str], migration: _Migration) -> None:
    for statement in statements:
        connection.execute(statement.encode())
    connection.execute("INSERT INTO migrations (version, name) VALUES (%s, %s)", [migration.version, migration.name])


def _drop_invalid_indexes(connection: psycopg.Connection[Any], source: str) -> None:
    """Drop what CREATE INDEX CONCURRENTLY leaves when it is interrupted, of the indexes that this migration makes."""
    names = re.findall(r"\bINDEX CONCURRENTLY IF NOT EXISTS (\w+)", source)
    invalid = connection.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = 'broker'::regnamespace AND c.relname = ANY (%s) AND NOT i.indisvalid",
        [names],
    ).fetchall()
    for (name,) in invalid:
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier("broker", name)))


def _read_logins(payload: Payload, lock_ms: int) -> tuple[list[roles.Login], int | None]:
    """Return the functions' logins, that of all functions first, and how many connections they may open."""
    with steps.transaction(lock_ms) as connection:
        pooled = settings.current().database_proxy or roles.tenant(connection)
        return logins.read(connection, payload), None if pooled else roles.connections(connection)


def _replace_functions(last: int, payload: Payload, found: list[roles.Login], lock_ms: int) -> list[str]:
    """Replace the functions, and set what follows from the settings; return the notes on the roles."""
    wanted = settings.current()
    with steps.transaction(lock_ms) as connection:
        ownership.become(connection, "LOCAL")
        _read_versions(connection, last)
        functions.replace(connection)
        connection.execute(
            "UPDATE broker.ring SET retention = make_interval(days => %s) WHERE retention <> make_interval(days => %s)",
            [wanted.retention_days, wanted.retention_days],
        )
        connection.execute(
            "UPDATE broker.limits SET topics_per_token = %s WHERE topics_per_token <> %s", [wanted.topics_per_token] * 2
        )
        connection.execute(
            "SELECT broker.ensure_partitions(statement_timestamp(), statement_timestamp() + interval '1 day')"
        )
        if payload.admin_token_hash:
            _store_admin(connection, payload.admin_token_hash)
        connection.execute("SET LOCAL ROLE NONE")  # the owner of the schema may not create roles
        return roles.grant(connection, found)


def _store_admin(connection: psycopg.Connection[Any], token_hash: str) -> None:
    connection.execute(
        "INSERT INTO tokens (id, name, hash, scopes, topics)"
        " VALUES (broker.uuidv7(broker.ticks(clock_timestamp())), 'admin', %(hash)s, %(scopes)s, '{*}')"
        " ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, scopes = excluded.scopes, topics = excluded.topics,"
        " expires_at = NULL, requests_per_second = NULL",
        {"hash": bytes.fromhex(token_hash), "scopes": list(authorization.SCOPES)},
    )
