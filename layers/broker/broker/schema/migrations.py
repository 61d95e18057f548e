"""Bring the schema up to date: numbered migrations forward, then every verb again, then rights."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import sql

from broker import database, settings, tokens
from broker.schema import roles

SQL = files("broker") / "sql"


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did. `notes` say what its login was not allowed to do, and what to do about it."""

    version: int
    applied: list[str]
    notes: list[str]


def migrate() -> Migrated:
    """Apply what is missing in one transaction. Safe to repeat, and to run from several processes at once."""
    wanted = settings.current()
    with database.owner.transaction() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('broker.migrations'))")
        connection.execute("SET LOCAL check_function_bodies = off")
        connection.execute("SET LOCAL statement_timeout = 0")  # a large table takes what it takes
        connection.execute("SET LOCAL lock_timeout = '5s'")  # but never holds up those who use it
        connection.execute("SET LOCAL client_min_messages = warning")
        applied = _apply_migrations(connection)
        _apply_functions(connection)
        connection.execute(
            "UPDATE broker.ring SET retention = make_interval(days => %s) WHERE retention <> make_interval(days => %s)",
            [wanted.retention_days, wanted.retention_days],
        )
        connection.execute("SELECT broker.ensure_partitions(statement_timestamp() + interval '1 day')")
        if wanted.admin_token:
            _store_admin(connection, wanted.admin_token)
        notes = roles.grant(connection, wanted.database_url)
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


def _apply_functions(connection: psycopg.Connection[Any]) -> None:
    """Create or replace every verb; drop those whose file is gone, and what stood under an earlier signature.

    Replacing keeps a verb callable for whoever is in the middle of calling it. A changed result cannot be replaced.
    """
    sources = {file.name.removesuffix(".sql"): file.read_text() for file in (SQL / "functions").iterdir()}
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


def _store_admin(connection: psycopg.Connection[Any], token: str) -> None:
    connection.execute(
        "INSERT INTO tokens (id, name, hash, scopes, topics)"
        " VALUES (broker.uuidv7(broker.ticks(clock_timestamp())), 'admin', %(hash)s, %(scopes)s, '{*}')"
        " ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, scopes = excluded.scopes, topics = excluded.topics",
        {"hash": tokens.digest(token), "scopes": list(tokens.SCOPES)},
    )
