"""Whether consuming gets slower with the other rows that the queue holds."""

import contextlib
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from bench import functions, servers
from bench.measure import Bench, Figures, alternate, seconds

SHALLOW, DEEP = 1_000, 1_000_000
MANY = 100_000
TEN_MESSAGES = '{"messages": [' + ", ".join(['{"content": "' + "x" * 198 + '"}'] * 10) + "]}"


def backlog(bench: Bench) -> Figures:
    """The consume handler, called directly, leases and acknowledges 10 messages of a topic in which 1,000,000 wait; against a topic in which 1,000 wait."""
    with _topics(bench, deep=DEEP, shallow=SHALLOW):
        return alternate(_cycle("deep"), _cycle("shallow"), bench.rounds(500))


def in_flight(bench: Bench) -> Figures:
    """The consume handler, called directly, leases and acknowledges 10 messages of a topic with 100,000 running leases; against a topic with none."""
    calls = bench.rounds(MANY // 1000)
    with _topics(bench, leased=calls * 1000 + SHALLOW, free=SHALLOW) as owner:
        lease = functions.caller("consume", functions.CONSUME, "leased", '{"max": 1000, "lease_seconds": 86400}')
        for _ in range(calls):
            lease()
        owner.execute("VACUUM (ANALYZE) broker.queue")
        return alternate(_cycle("leased"), _cycle("free"), bench.rounds(500))


def dead(bench: Bench) -> Figures:
    """The consume handler, called directly, leases and acknowledges 10 messages of a topic with 100,000 dead letters and 100,000 delayed messages; against a topic with neither."""
    many = bench.rounds(MANY)
    with _topics(bench, troubled=2 * many + SHALLOW, free=SHALLOW) as owner:
        owner.execute(EXHAUST_AND_DELAY, {"many": many})
        owner.execute("VACUUM (ANALYZE) broker.queue")
        first_call = seconds(functions.Consumer("troubled").cycle)
        figures = alternate(_cycle("troubled"), _cycle("free"), bench.rounds(500))
        [(dead_letters,)] = owner.execute("SELECT count(*) FROM broker.queue WHERE died_at IS NOT NULL")
        assert dead_letters == many
    return Figures(figures.ours, figures.reference, f"The first call, which dead-letters {many:,}: {first_call:.1f} s.")


EXHAUST_AND_DELAY = """
    WITH numbered AS (
        SELECT q.message_id, row_number() OVER (ORDER BY q.ready_at) AS nth
          FROM broker.queue q JOIN broker.topics t ON t.id = q.topic_id WHERE t.name = 'troubled'
    )
    UPDATE broker.queue q
       SET receives = CASE WHEN n.nth <= %(many)s THEN q.max_receives ELSE q.receives END,
           ready_at = CASE WHEN n.nth <= %(many)s THEN q.ready_at ELSE q.ready_at + interval '1 day' END
      FROM numbered n WHERE n.message_id = q.message_id AND n.nth <= 2 * %(many)s
"""


def snapshot(bench: Bench) -> Figures:
    """The consume handler, called directly, leases and acknowledges 100,000 messages, 10 at a time, while one old snapshot is open: the last 20,000; against the first 20,000."""
    fifth = bench.rounds(MANY) // 50
    with _topics(bench, orders=SHALLOW) as owner:
        cycle = _cycle("orders")
        for _ in range(50):
            cycle()
        with owner.transaction():
            owner.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            owner.execute("SELECT")  # the snapshot is taken here
            times = [cycle() for _ in range(5 * fifth)]
    first, last = times[:fifth], times[-fifth:]
    return Figures(
        statistics.median(last), statistics.median(first), f"The slowest: {max(last):.0f} ms, {max(first):.0f} ms."
    )


@contextlib.contextmanager
def _topics(bench: Bench, **depths: int) -> Iterator[psycopg.Connection[Any]]:
    """Create topics with so many waiting messages of 200 bytes each; yield a connection of the owner."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        functions.discard_metrics(),
        servers.connect(broker_db.owner_url) as owner,
    ):
        for topic, depth in depths.items():
            servers.fill(owner, topic, depth, 200)
        owner.execute("CHECKPOINT")
        yield owner


def _cycle(topic: str) -> Callable[[], float]:
    """Return a call that leases and acknowledges 10, publishes 10 new ones, and returns the milliseconds of the first part."""
    consumer = functions.Consumer(topic)
    replace = functions.publisher(topic, TEN_MESSAGES)

    def cycle() -> float:
        duration = seconds(consumer.cycle)
        replace()
        return duration * 1000

    return cycle
