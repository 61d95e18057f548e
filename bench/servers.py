"""A PostgreSQL for the bench, as in production: with fsync, the broker's schema and the functions' login."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import authorization, database, settings, token_format
from broker.queue import leases
from broker.schema import migrations, roles, verbs
from broker.schema.payload import Payload
from broker.webhooks import signatures
from local.postgres import embedded

LOGIN = "broker_bench"
TOKEN_KEY = "k" * 42 + "A"
ADMIN_TOKEN = (text := "brk_" + "a" * 43) + token_format.check(text, TOKEN_KEY)


@dataclass(frozen=True)
class Server:
    """A server on which the bench creates and drops its databases."""

    url: str  # of a login that is allowed to create databases and roles
    password: str  # of the functions' login


@dataclass(frozen=True)
class Database:
    """A database with the broker's schema: its URL for the owner, and for the functions' login."""

    owner_url: str
    url: str


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """Start a PostgreSQL in a temporary folder, or use the server of `BENCH_DATABASE_URL`."""
    password = secrets.token_urlsafe(16)
    if url := os.environ.get("BENCH_DATABASE_URL"):
        yield Server(url, password)
        with connect(url) as connection:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(LOGIN)))
        return
    with tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        with embedded.start(Path(folder)) as started:
            yield Server(started.url, password)


@contextlib.contextmanager
def create_database(on: Server, name: str) -> Iterator[str]:
    """Create a database, yield its URL for the owner, and drop it at the end."""
    identifier = sql.Identifier(name)
    with connect(on.url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    try:
        yield _with_parts(on.url, dbname=name)
    finally:
        with connect(on.url) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
            for kind in ("owner", *verbs.DOOR):
                role = sql.Identifier(roles.name_in(kind, name))
                connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))


@contextlib.contextmanager
def create_broker_database(on: Server, name: str) -> Iterator[Database]:
    """Create a database with the broker's schema, let the package use it, and drop it at the end."""
    with create_database(on, name) as owner_url:
        broker = Database(owner_url, _with_parts(owner_url, user=LOGIN, password=on.password))
        use(broker)
        migrations.migrate(Payload(admin_token_hash=authorization.digest(ADMIN_TOKEN).hex()))
        database.owner.close()
        try:
            yield broker
        finally:
            database.functions.close()


def use(broker: Database) -> None:
    """Let the package use this database from now on, as in a function whose environment names it."""
    os.environ |= {
        "DATABASE_URL": broker.url,
        "OWNER_DATABASE_URL": broker.owner_url,
        "TOKEN_KEYS": TOKEN_KEY,
        "OPTIONS": '{"allow_private_webhooks": true}',
        "POWERTOOLS_SERVICE_NAME": "pgbroker",
        "POWERTOOLS_METRICS_NAMESPACE": "pgbroker",
    }
    database.functions.close()
    settings.current.cache_clear()
    authorization.forget()
    leases.forget()


def create_plain_table(broker: Database) -> None:
    """Create the table of the references that insert one message with psycopg, as the functions' login."""
    with connect(broker.owner_url) as owner:
        owner.execute("CREATE TABLE plain (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), content json NOT NULL)")
        owner.execute(sql.SQL("GRANT SELECT, INSERT ON plain TO {}").format(sql.Identifier(LOGIN)))


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a connection in autocommit, with the options that the package uses."""
    return psycopg.connect(url, autocommit=True, prepare_threshold=2, options="-c TimeZone=UTC")


def fill(connection: psycopg.Connection[Any], topic: str, messages: int, size: int, *, days: float = 0.001) -> None:
    """Add `messages` of `size` bytes to a topic, ready to consume, and VACUUM ANALYZE the tables.

    The times in their ids are spread over the coming `days`, for which there must be partitions.
    """
    connection.execute("INSERT INTO broker.topics (name) VALUES (%s) ON CONFLICT DO NOTHING", [topic])
    connection.execute("INSERT INTO broker.topic_states (topic_id) SELECT id FROM broker.topics ON CONFLICT DO NOTHING")
    connection.execute(
        """
        WITH new_ids AS (
            SELECT broker.uuidv7(broker.ticks(statement_timestamp()) + n * %(step)s::bigint) AS id, n
              FROM generate_series(1, %(messages)s) n
        ), topic AS (
            SELECT id, max_receives FROM broker.topics WHERE name = %(topic)s
        ), stored AS (
            INSERT INTO broker.messages (id, topic_id, content, sender, created_at)
            SELECT m.id, t.id, to_json(repeat('x', %(size)s - 2)), 'bench', statement_timestamp() FROM new_ids m, topic t
        )
        INSERT INTO broker.queue (message_id, topic_id, ready_at, max_receives, bytes)
        SELECT m.id, t.id, statement_timestamp() - interval '10 minutes' + n * interval '1 microsecond',
               t.max_receives, %(size)s + 400
          FROM new_ids m, topic t
        """,
        {"topic": topic, "messages": messages, "size": size, "step": days * 86400 * 4096000 / messages},
    )
    connection.execute("VACUUM (ANALYZE) broker.messages, broker.queue")


def subscribe(connection: psycopg.Connection[Any], topic: str, urls: Sequence[str]) -> None:
    """Subscribe these URLs to a topic, and VACUUM ANALYZE the tables."""
    connection.execute(
        """
        SELECT count(created.id)
          FROM unnest(%(urls)s::text[]) WITH ORDINALITY AS given (url, n),
               broker.subscribe(%(topic)s, given.n::text, %(secret)s, jsonb_build_object('url', given.url)) created
        """,
        {"topic": topic, "urls": list(urls), "secret": signatures.new_secret()},
    )
    connection.execute("VACUUM (ANALYZE) broker.subscriptions, broker.cursors, broker.topics")


def move_to_log(connection: psycopg.Connection[Any], topic: str) -> None:
    """Move all messages of a topic from the queue to its log, as one broadcast does."""
    connection.execute(
        """
        WITH moved AS (
            DELETE FROM broker.queue q USING broker.topics t, broker.topic_states s
             WHERE t.id = q.topic_id AND t.name = %(topic)s AND s.topic_id = t.id
            RETURNING q.message_id, q.ready_at, q.bytes, t.id AS topic_id, s.last_seq
        ), logged AS (
            INSERT INTO broker.log (topic_id, seq, message_id, bytes, broadcast_at)
            SELECT m.topic_id, m.last_seq + row_number() OVER (ORDER BY m.ready_at), m.message_id, m.bytes, now() FROM moved m
        )
        UPDATE broker.topic_states s SET last_seq = s.last_seq + (SELECT count(*) FROM moved), next_due_at = now()
          FROM broker.topics t WHERE t.id = s.topic_id AND t.name = %(topic)s
        """,
        {"topic": topic},
    )
    connection.execute("VACUUM (ANALYZE) broker.log, broker.queue")


def _with_parts(url: str, **parts: str) -> str:
    values: dict[str, Any] = {**conninfo_to_dict(url), **parts}
    return make_conninfo(**values)
