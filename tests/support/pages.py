"""A database with so many rows of each kind, and the pages that a call touches in it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

# `auto…` are idle topics with a subscription each, `orders` has messages that wait, `dead` dead letters, `many` 20,000
# messages and dead letters at least, `news` a log of forty days ago and subscriptions that have got all of it,
# `refused` a subscription with attempts and dead letters, and `delivered` one whose attempts went well.
FILL = """
SELECT ensure_partitions(now() - interval '41 days', now() + interval '1 day');
INSERT INTO topics (name, broadcast)
SELECT name, 'manual' FROM unnest('{orders,dead,many,news,refused,delivered}'::text[]) name
UNION ALL SELECT 'auto' || lpad(n::text, 6, '0'), 'auto' FROM generate_series(1, %(rows)s) n;
INSERT INTO topic_states (topic_id, last_seq, subscriptions)
SELECT t.id, CASE WHEN t.name IN ('news', 'refused') THEN %(rows)s ELSE 0 END,
       CASE WHEN t.name = 'news' THEN %(rows)s
            WHEN t.name IN ('refused', 'delivered') OR t.broadcast = 'auto' THEN 1 ELSE 0 END
  FROM topics t WHERE t.name <> 'default';
INSERT INTO subscriptions (id, topic_id, name, url, secrets, start_seq)
SELECT uuidv7(ticks(now()) + row_number() OVER ()), h.topic_id, 'https://hooks.example/' || n,
       'https://hooks.example/' || n, '{whsec_}', 0
  FROM topic_states h, generate_series(1, h.subscriptions) n;
INSERT INTO cursors (subscription_id, topic_id, cursor)
SELECT s.id, s.topic_id, h.last_seq FROM subscriptions s JOIN topic_states h ON h.topic_id = s.topic_id;

CREATE TEMPORARY TABLE made AS
SELECT t.id AS topic_id, t.name AS topic, n,
       uuidv7(ticks(now() - CASE WHEN t.name = 'news' THEN interval '40 days' ELSE interval '0' END) + n) AS id
  FROM topics t, generate_series(1, %(rows)s) n WHERE t.name IN ('orders', 'dead', 'news', 'refused');
INSERT INTO messages (id, topic_id, content, sender, created_at)
SELECT m.id, m.topic_id, '{"a": "message"}', 'a test', now() FROM made m;
INSERT INTO queue (message_id, topic_id, ready_at, max_receives, bytes, died_at, reason)
SELECT m.id, m.topic_id, d.at, 10, 500, CASE m.topic WHEN 'dead' THEN d.at END, 'broken'
  FROM made m, LATERAL (SELECT now() + m.n * interval '1 ms' - interval '1 hour' AS at) d
 WHERE m.topic IN ('orders', 'dead');
INSERT INTO queue (message_id, topic_id, ready_at, bytes, died_at, reason)
SELECT uuidv7(ticks(now()) + 2 * n + k.dead::integer), t.id, d.at, 500, CASE WHEN k.dead THEN d.at END, 'broken'
  FROM topics t, generate_series(1, greatest(20000, %(rows)s)) n, (VALUES (false), (true)) k (dead),
       LATERAL (SELECT now() + n * interval '1 ms' - interval '1 hour' AS at) d
 WHERE t.name = 'many';
INSERT INTO log (topic_id, bytes, seq, message_id, broadcast_at)
SELECT m.topic_id, 500, m.n, m.id, now() FROM made m WHERE m.topic IN ('news', 'refused');
INSERT INTO log_spans (topic_id, first_seq, broadcast_at)
SELECT m.topic_id, m.n, now() - m.n * interval '10 s' FROM made m WHERE m.topic IN ('news', 'refused');
INSERT INTO redeliveries (subscription_id, message_id, epoch, topic_id, seq, due_at, died_at, failures, reason)
SELECT s.id, m.id, 1, m.topic_id, m.n, now(), now() + m.n * interval '1 ms', 3, 'status 400'
  FROM made m JOIN subscriptions s ON s.topic_id = m.topic_id WHERE m.topic = 'refused';
INSERT INTO attempts
       (subscription_id, started_at, first_seq, last_seq, message_id, digest, epoch, duration_ms, attempt, status)
SELECT s.id, now() - (2 * (%(rows)s - m.n) + k.before) * interval '1 ms', m.n, m.n, m.id, k.digest, 1, 1, 1, 400
  FROM made m JOIN subscriptions s ON s.topic_id = m.topic_id, (VALUES (1, 1), (0, NULL)) k (before, digest)
 WHERE m.topic = 'refused'
UNION ALL
SELECT s.id, now() - (%(rows)s - n) * interval '1 ms', n, n, s.id, 1, 1, 1, 1, 200
  FROM subscriptions s JOIN topics t ON t.id = s.topic_id, generate_series(1, %(rows)s) n WHERE t.name = 'delivered';
INSERT INTO idempotency_keys SELECT m.topic_id, m.id, 'key', '', ARRAY[m.id], now() + interval '1 day' FROM made m;
DROP TABLE made;
"""

ALL_VISIBLE = """
SELECT sum(relallvisible) = sum(relpages) FROM pg_class WHERE relnamespace = 'broker'::regnamespace AND relkind = 'r'
"""


@contextlib.contextmanager
def databases(
    url: str, sizes: Sequence[int], fill: Callable[[psycopg.Connection[Any], int], None]
) -> Iterator[dict[int, str]]:
    """Make a database for each size beside that of the owner's url, and fill it; yield the owner's urls."""
    admin = make_conninfo(url, dbname="postgres")
    names = {size: f"{conninfo_to_dict(url)['dbname']}_{size}" for size in sizes}
    with psycopg.connect(admin, autocommit=True) as connection:
        for size, name in names.items():
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE broker_template").format(sql.Identifier(name)))
            with connect(make_conninfo(url, dbname=name)) as owner:
                fill(owner, size)
    yield {size: make_conninfo(url, dbname=name) for size, name in names.items()}
    with psycopg.connect(admin, autocommit=True) as connection:
        for name in names.values():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a session of the owner, in autocommit."""
    return psycopg.connect(url, autocommit=True, options="-c search_path=broker")


def fill(owner: psycopg.Connection[Any], rows: int) -> None:
    """Make so many rows of each kind."""
    owner.execute((FILL % {"rows": rows}).encode())
    owner.execute("VACUUM ANALYZE")
    while owner.execute(ALL_VISIBLE).fetchone() != (True,):  # an autovacuum beside it held an older snapshot
        owner.execute("VACUUM ANALYZE")


def count(session: psycopg.Connection[Any], call: str, arrange: str | None = None) -> int:
    """The pages that a call touches, found in memory or read; what it changes is rolled back.

    `arrange` runs before, and its value is the parameter of the call.
    """
    session.execute("BEGIN")
    value = None
    if arrange:
        [value] = session.execute(f"SELECT ({arrange})::text".encode()).fetchone() or [None]
    statement = call % psycopg.sql.Literal(value).as_string(session) if "%s" in call else call
    [[[plan]]] = session.execute(
        f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) SELECT * FROM {statement}".encode()
    ).fetchall()
    session.execute("ROLLBACK")
    top = plan["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
