"""What a queue costs its consumers by what else lies in it."""

import contextlib
import statistics
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from bench import functions, servers
from bench.measure import Bench, Figures, alternate, seconds

SHALLOW, DEEP = 1_000, 1_000_000
MANY = 100_000
PUBLISHED = '{"messages": [' + ", ".join(['{"content": "' + "x" * 198 + '"}'] * 10) + "]}"


def backlog(bench: Bench) -> Figures:
    """The consume handler leases and acknowledges 10 where 1,000,000 messages wait; against a topic where 1,000 do."""
    with _topics(bench, deep=DEEP, shallow=SHALLOW):
        return alternate(_cycle("deep"), _cycle("shallow"), bench.rounds(500))


def in_flight(bench: Bench) -> Figures:
    """The consume handler leases and acknowledges 10 while 100,000 leases are in flight; against a topic with none."""
    calls = bench.rounds(MANY // 1000)
    with _topics(bench, leased=calls * 1000 + SHALLOW, free=SHALLOW) as owner:
        lease = functions.caller("consume", functions.CONSUME, "leased", '{"max": 1000, "lease_seconds": 86400}')
        for _ in range(calls):
            lease()
        owner.execute("VACUUM (ANALYZE) broker.queue")
        return alternate(_cycle("leased"), _cycle("free"), bench.rounds(500))


def dead(bench: Bench) -> Figures:
    """The consume handler leases and acknowledges 10 behind 100,000 dead and 100,000 delayed; against a topic with none."""
    many = bench.rounds(MANY)
    with _topics(bench, troubled=2 * many + SHALLOW, free=SHALLOW) as owner:
        owner.execute(TROUBLE, {"many": many})
        owner.execute("VACUUM (ANALYZE) broker.queue")
        burying = seconds(functions.Consumer("troubled").cycle)
        figures = alternate(_cycle("troubled"), _cycle("free"), bench.rounds(500))
        [(died,)] = owner.execute("SELECT count(*) FROM broker.queue WHERE died_at IS NOT NULL")
        assert died == many
    return Figures(figures.ours, figures.reference, f"The first call, which buries {many:,}: {burying:.1f} s.")


TROUBLE = """
    WITH placed AS (
        SELECT q.message_id, row_number() OVER (ORDER BY q.ready_at) AS nth
          FROM broker.queue q JOIN broker.topics t ON t.id = q.topic_id WHERE t.name = 'troubled'
    )
    UPDATE broker.queue q
       SET receives = CASE WHEN p.nth <= %(many)s THEN q.max_receives ELSE q.receives END,
           ready_at = CASE WHEN p.nth <= %(many)s THEN q.ready_at ELSE q.ready_at + interval '1 day' END
      FROM placed p WHERE p.message_id = q.message_id AND p.nth <= 2 * %(many)s
"""


def snapshot(bench: Bench) -> Figures:
    """The consume handler leases and acknowledges 10, the last 20,000 of 100,000 messages under one old snapshot; against the first 20,000."""
    fifth = bench.rounds(MANY) // 50
    with _topics(bench, orders=SHALLOW) as owner:
        cycle = _cycle("orders")
        for _ in range(50):
            cycle()
        with owner.transaction():
            owner.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            owner.execute("SELECT")  # it has its snapshot from here on
            times = [cycle() for _ in range(5 * fifth)]
    first, last = times[:fifth], times[-fifth:]
    return Figures(
        statistics.median(last), statistics.median(first), f"The slowest: {max(last):.0f} ms, {max(first):.0f} ms."
    )


@contextlib.contextmanager
def _topics(bench: Bench, **depths: int) -> Iterator[psycopg.Connection[Any]]:
    """Make topics of these depths, with messages of 200 octets: a connection of the owner."""
    with (
        servers.migrated(bench.server, "broker_bench") as made,
        functions.metrics_dropped(),
        servers.connect(made.owner_url) as owner,
    ):
        for topic, depth in depths.items():
            servers.fill(owner, topic, depth, 200)
        owner.execute("CHECKPOINT")
        yield owner


def _cycle(topic: str) -> Callable[[], float]:
    """Make the call that gives the milliseconds of one cycle; what it took is replaced."""
    consumer = functions.Consumer(topic)
    replace = functions.publisher(topic, PUBLISHED)

    def cycle() -> float:
        took = seconds(consumer.cycle)
        replace()
        return took * 1000

    return cycle
