"""What an old snapshot costs: while one is open, nothing removes the index entries of rows that are gone."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from bench import deliveries, functions, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, seconds
from broker import settings
from broker.pubsub import broadcasts
from broker.queue import messages

MESSAGES, BROADCASTS = 200_000, 7_200
THOUSAND = "[" + ", ".join(['{"content": 1}'] * 1000) + "]"
MARGIN_SECONDS = 6  # for late commits: what has passed within it is looked at again
WINDOW_SECONDS = 0.5
PASS = """
    DO $$ BEGIN
        FOR n IN 1..{broadcasts} LOOP
            PERFORM broker.publish_unchecked('{topic}', (SELECT json_agg(json_build_object('content', m))
                                                           FROM generate_series(1, {each}) m), 'bench', gen_random_uuid());
            PERFORM {take};
            COMMIT;
        END LOOP;
    END $$
"""
BROADCAST = "FROM broker.broadcast('auto', p_skip => true, p_open_window => true)"
CONSUME = "FROM broker.consume('orders', 1000, p_auto_ack => true)"


def claim(bench: Bench) -> Figures:
    """The consume handler, called directly, finds the one message of a topic from which 200,000 were taken while an old snapshot is open; against the same before."""
    with _topic(bench, "orders") as owner:
        publish = functions.publisher("orders", MESSAGE)
        consume = functions.caller("consume", functions.CONSUME, "orders", '{"max": 10, "auto_ack": true}')

        def cycle() -> float:
            publish()
            return 1000 * seconds(consume)

        return _compare(bench, owner, cycle, topic="orders", broadcasts=MESSAGES // 1000, each=1000, take=CONSUME)


def look(bench: Bench) -> Figures:
    """Dispatch moves 1,000 messages of an auto topic, called directly, after 7,200 broadcasts of 200,000 messages while an old snapshot is open, each half a second, as the batch windows of many publishers let it; against the same before."""
    with _topic(bench, "auto") as owner:
        publish = partial(_store, THOUSAND)

        def cycle() -> float:
            publish()
            time.sleep(WINDOW_SECONDS)  # as long as the batch window of a topic with many publishers
            return 1000 * seconds(lambda: broadcasts.move(["auto"], open_windows=True))

        return _compare(bench, owner, cycle, rounds=40, topic="auto", broadcasts=BROADCASTS, each=28, take=BROADCAST)


def publish(bench: Bench) -> Figures:
    """Publish stores one message, called directly, in an auto topic after 7,200 broadcasts of 200,000 messages while an old snapshot is open; against the same before."""
    with _topic(bench, "auto") as owner:
        send = partial(_store, f"[{MESSAGE}]")

        def cycle() -> float:
            return 1000 * seconds(send)

        return _compare(bench, owner, cycle, topic="auto", broadcasts=BROADCASTS, each=28, take=BROADCAST)


def _store(document: str) -> None:
    """Publish to the auto topic without a notification: nothing is pushed."""
    messages.publish("auto", messages.Publication(document, many=True), "bench", UUID(int=1))


@contextlib.contextmanager
def _topic(bench: Bench, topic: str) -> Iterator[psycopg.Connection[Any]]:
    with deliveries.subscribed_topic(bench, topic, ["http://127.0.0.1/"]) as owner, functions.discard_metrics():
        if topic == "auto":
            owner.execute("UPDATE broker.topics SET broadcast = 'auto' WHERE name = 'auto'")
        yield owner


def _compare(
    bench: Bench,
    owner: psycopg.Connection[Any],
    cycle: Callable[[], float],
    *,
    broadcasts: int,
    rounds: int = 100,
    **passing: object,
) -> Figures:
    """Measure before an old snapshot is open, and under it after the messages have passed."""
    rounds = bench.rounds(rounds)
    before = [cycle() for _ in range(rounds + 5)][5:]
    with servers.connect(settings.current().owner_database_url) as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT")  # the snapshot is taken here
        owner.execute(PASS.format(broadcasts=bench.rounds(broadcasts), **passing).encode())
        time.sleep(MARGIN_SECONDS)
        under = [cycle() for _ in range(rounds)]
    return Figures(
        statistics.median(under), statistics.median(before), f"The slowest: {max(under):.1f} ms, {max(before):.1f} ms."
    )
