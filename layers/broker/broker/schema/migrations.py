"""Bring the schema up to date: numbered migrations forward, then every function again, then rights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from broker import database, settings, tokens
from broker.schema import roles

SQL = files("broker") / "sql"
WITHHELD = {"internal", "maintenance"}  # folders of functions that only the schema's owner may execute


@dataclass(frozen=True, slots=True)
class Migrated:
    """The result of a migration. `notes` say what its login was not allowed to do, and what to do about it."""

    version: int
    applied: list[str]
    notes: list[str]


def migrate() -> Migrated:
    """Apply what is missing, in one transaction. Safe to repeat, and to run in several processes at once."""
    wanted = settings.current()
    with database.owner.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('broker.migrations'))")
        connection.execute("SET LOCAL check_function_bodies = off")
        connection.execute("SET LOCAL statement_timeout = 0")  # a change of a large table may take long
        connection.execute("SET LOCAL lock_timeout = '5s'")  # but it must not keep others waiting
        connection.execute("SET LOCAL client_min_messages = warning")
        applied = _apply_migrations(connection)
        functions = list(_functions())
        _apply_functions(connection, {name: source for _, name, source in functions})
        connection.execute(
            "UPDATE broker.ring SET retention = make_interval(days => %s) WHERE retention <> make_interval(days => %s)",
            [wanted.retention_days, wanted.retention_days],
        )
        connection.execute("SELECT broker.ensure_partitions(statement_timestamp() + interval '1 day')")
        if wanted.admin_token:
            _store_admin(connection, wanted.admin_token)
        verbs = sorted(name for folder, name, _ in functions if folder not in WITHHELD)
        notes = roles.grant(connection, wanted.database_url, verbs)
        version = connection.execute("SELECT max(version) FROM broker.migrations").fetchone()
    return Migrated(version=version[0] if version else 0, applied=applied, notes=notes)


def _apply_migrations(connection: psycopg.Connection[Any]) -> list[str]:
    connection.execute("CREATE SCHEMA IF NOT EXISTS broker")
    connection.execute("SET LOCAL search_path = broker, pg_temp")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT statement_timestamp())"
    )
    done = {version for (version,) in connection.execute("SELECT version FROM migrations")}
    applied = []
    for file in sorted((SQL / "migrations").iterdir(), key=lambda file: file.name):
        name = file.name.removesuffix(".sql")
        if (version := int(name.split("_")[0])) not in done:
            connection.execute(file.read_text().encode())
            connection.execute("INSERT INTO migrations (version, name) VALUES (%s, %s)", [version, name])
            applied.append(name)
    return applied


def _apply_functions(connection: psycopg.Connection[Any], sources: Mapping[str, str]) -> None:
    """Create or replace every function; drop those without a file, and those with an earlier signature.

    Replacing a function keeps it callable for sessions that are in the middle of a call. One whose result changed
    cannot be replaced.
    """
    for name, source in sources.items():
        try:
            with connection.transaction():
                connection.execute(source.encode())
        except psycopg.errors.InvalidFunctionDefinition:
            connection.execute(sql.SQL("DROP ROUTINE {}").format(sql.Identifier("broker", name)))
            connection.execute(source.encode())
    outdated = connection.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'broker'::regnamespace"
        " AND (p.proname <> ALL (%s) OR EXISTS (SELECT FROM pg_proc newer"
        " WHERE newer.pronamespace = p.pronamespace AND newer.proname = p.proname AND newer.oid > p.oid))",
        [list(sources)],
    ).fetchall()
    for (signature,) in outdated:
        connection.execute(f"DROP ROUTINE {signature}".encode())
    connection.execute("REVOKE ALL ON ALL ROUTINES IN SCHEMA broker FROM PUBLIC")


def _functions() -> Iterator[tuple[str, str, str]]:
    """Each function's folder, name and source."""
    for folder in (SQL / "functions").iterdir():
        for file in folder.iterdir():
            yield folder.name, file.name.removesuffix(".sql"), file.read_text()


def _store_admin(connection: psycopg.Connection[Any], token: str) -> None:
    connection.execute(
        "INSERT INTO tokens (id, name, hash, scopes, topics)"
        " VALUES (broker.uuidv7(broker.ticks(clock_timestamp())), 'admin', %(hash)s, %(scopes)s, '{*}')"
        " ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, scopes = excluded.scopes, topics = excluded.topics",
        {"hash": tokens.digest(token), "scopes": list(tokens.SCOPES)},
    )
