"""How much a warm function costs beside the SQL statements that it runs."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from bench import functions, servers
from bench.measure import Bench, Figures, alternate, rate

KILOBYTE = json.dumps("x" * 1022)
MESSAGE = f'{{"content": {KILOBYTE}}}'
BATCH = 1000


def publish(bench: Bench) -> Figures:
    """The publish handler, called directly, stores one message of 1 KB; against psycopg's `INSERT … RETURNING` into a plain table."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        functions.discard_metrics(),
        servers.connect(broker_db.url) as connection,
    ):
        servers.create_plain_table(broker_db)
        insert = plain_inserter(connection)
        ours = partial(rate, functions.publisher("orders", MESSAGE), 250)
        return alternate(ours, partial(rate, insert, 250), bench.rounds(41))


def plain_inserter(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    """Return a call that stores one message of 1 KB in the plain table, with psycopg only."""
    statement = "INSERT INTO plain (content) VALUES (%s::json) RETURNING id"
    return lambda: connection.execute(statement, [KILOBYTE]).fetchone()


def publish_batch(bench: Bench) -> Figures:
    """The publish handler, called directly, stores 1,000 messages of 1 KB; against one `INSERT … SELECT` that makes as many on the server."""
    messages = ", ".join([MESSAGE] * BATCH)
    with servers.create_broker_database(bench.server, "broker_bench") as broker_db, functions.discard_metrics():
        publish = functions.publisher("orders", f'{{"messages": [{messages}]}}')
        with servers.connect(broker_db.owner_url) as owner:
            owner.execute("INSERT INTO broker.topics (name) VALUES ('reference')")

            def insert() -> None:
                owner.execute(INSERT_SELECT, {"content": KILOBYTE, "messages": BATCH})

            return alternate(lambda: BATCH * rate(publish, 2), lambda: BATCH * rate(insert, 2), bench.rounds(41))


INSERT_SELECT = """
    WITH new_ids AS MATERIALIZED (
        SELECT broker.uuidv7(broker.ticks(clock_timestamp()) + n) AS id FROM generate_series(1, %(messages)s) n
    ), topic AS (
        SELECT id, max_receives FROM broker.topics WHERE name = 'reference'
    ), stored AS (
        INSERT INTO broker.messages (id, topic_id, content, sender, created_at)
        SELECT m.id, t.id, %(content)s::json, 'bench', statement_timestamp() FROM new_ids m, topic t
    )
    INSERT INTO broker.queue (message_id, topic_id, ready_at, max_receives, bytes)
    SELECT m.id, t.id, statement_timestamp(), t.max_receives, 1430 FROM new_ids m, topic t
"""


def consume(bench: Bench) -> Figures:
    """The consume handler, called directly, leases and acknowledges 10 messages of 1 KB; against psycopg that calls the same two SQL functions."""
    rounds, cycles = bench.rounds(31), 20
    with servers.create_broker_database(bench.server, "broker_bench") as broker_db, functions.discard_metrics():
        with servers.connect(broker_db.owner_url) as owner:
            for topic in ("orders", "reference"):
                servers.fill(owner, topic, (rounds + 1) * cycles * 10, 1024)
        with servers.connect(broker_db.url) as connection:
            ours = partial(rate, functions.Consumer("orders").cycle, cycles)
            return alternate(ours, partial(rate, partial(_cycle_with_psycopg, connection, "reference"), cycles), rounds)


def _cycle_with_psycopg(connection: psycopg.Connection[Any], topic: str) -> None:
    leased = connection.execute(
        "SELECT id, receipt, content, sender, key, attributes, created_at, receives, lease_expires_at"
        " FROM broker.consume(%s, 10)",
        [topic],
    ).fetchall()
    assert len(leased) == 10, "the topic has too few messages"
    receipts = json.dumps({"ack": [row[1] for row in leased]})
    connection.execute("SELECT * FROM broker.settle_unchecked(%s, %s::json)", [topic, receipts]).fetchall()
