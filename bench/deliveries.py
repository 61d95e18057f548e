"""How much broadcasts and deliveries cost, called in this process, with all their SQL statements."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from bench import functions, loop, pushes, receivers, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, alternate, seconds
from broker import database
from broker.dispatch import planner
from broker.pubsub import broadcasts
from broker.webhooks import outcomes
from broker.webhooks.sender import Sender
from broker.webhooks.transfer import Request, Response

FAR, NEAR = 1_000_000, 1_000
BATCH = '{"messages": [' + ", ".join(['{"content": "' + "x" * 198 + '"}'] * 100) + "]}"
WEBHOOK = b"x" * 1320  # as long as a webhook with one message of 1 KB
SIGNATURE = "v1," + 44 * "="


def rows(bench: Bench) -> Figures:
    """Rows that a broadcast of 1,000 messages to 1,000 subscriptions inserts or updates, in all tables."""
    with subscribed_topic(bench, "orders", ["http://127.0.0.1/"] * 1000) as owner:
        servers.fill(owner, "orders", 1000, 200)
        before = _count_written_rows(owner)
        moved = broadcasts.broadcast("orders")
        assert (moved.messages, moved.subscriptions) == (1000, 1000)
        database.call("SELECT pg_stat_force_next_flush() AS done", {}, dict)
        return Figures(_count_written_rows(owner) - before)


def _count_written_rows(owner: psycopg.Connection[Any]) -> int:
    owner.execute("SELECT pg_stat_force_next_flush()")
    [(count,)] = owner.execute(
        "SELECT sum(n_tup_ins + n_tup_upd)::bigint FROM pg_stat_user_tables WHERE schemaname = 'broker'"
    )
    return int(count)


def fan_out(bench: Bench) -> Figures:
    """Dispatch and Deliver, each in a process of its own, push one message of 1 KB to 10,000 subscriptions: measured from the broadcast's call until the last webhook arrives; against a Sender that posts 10,000 webhooks of that size."""
    many = 10_000
    with (
        receivers.receiver() as receiver,
        Sender[int](allow_private=True) as sender,
        subscribed_topic(bench, "orders", [receiver.url()] * many),
        loop.loop() as push_loop,
        functions.discard_metrics(),
    ):
        publish = functions.publisher("orders", MESSAGE)
        headers = pushes.HEADERS | {"webhook-id": "x" * 92, "webhook-signature": SIGNATURE}
        request = Request(receiver.url(), headers, WEBHOOK)

        def rate(send: Callable[[], object]) -> float:
            started = time.monotonic()
            send()
            return many / (receiver.arrivals(many)[-1].at - started)

        def broadcast_and_push() -> None:
            broadcasts.broadcast("orders")
            push_loop.push("orders")

        def ours() -> float:
            publish()
            return rate(broadcast_and_push)

        return alternate(ours, lambda: rate(lambda: pushes.post(sender, request, many)), bench.rounds(9))


def one(bench: Bench) -> Figures:
    """Dispatch and Deliver, each in a process of its own, push 100,000 messages of 200 bytes to one subscription, 100 a batch."""
    many = bench.rounds(100_000)
    with (
        receivers.receiver() as receiver,
        subscribed_topic(bench, "orders", [receiver.url()]) as owner,
        loop.loop() as push_loop,
    ):
        rates = []
        for _ in range(bench.rounds(5) + 1):
            servers.fill(owner, "orders", many, 200)
            servers.move_to_log(owner, "orders")
            rates.append(many / seconds(lambda: push_loop.push("orders")))
            assert len(receiver.arrivals()) == many / 100
        return Figures(statistics.median(rates[1:]))


def hanging(bench: Bench) -> Figures:
    """Dispatch and two Deliver processes push two broadcasts to 100 subscriptions, one of which hangs: time from the broadcast's call until the other 99 webhooks arrive, 99th percentile; against 99 subscriptions, none of which hangs."""
    with (
        receivers.receiver() as receiver,
        subscribed_topic(bench, "hung", [receiver.url(receivers.HANG), *[receiver.url()] * 99]) as owner,
        functions.discard_metrics(),
    ):
        servers.subscribe(owner, "free", [receiver.url()] * 99)
        with loop.loop(deliver_processes=2) as push_loop:
            tail = partial(_tail, receiver, push_loop)
            return alternate(lambda: tail("hung"), lambda: tail("free"), bench.rounds(50))


def _tail(receiver: receivers.Receiver, push_loop: loop.Loop, topic: str) -> float:
    """Return the 99th percentile of the milliseconds until arrival. At the second broadcast one webhook still hangs."""
    publish = functions.publisher(topic, MESSAGE)
    times: list[float] = []
    receiver.hold()
    for expected in (100 if topic == "hung" else 99, 99):
        publish()
        started = time.monotonic()
        broadcasts.broadcast(topic)
        push_loop.wake(topic)
        times += [arrival.at - started for arrival in receiver.arrivals(expected) if arrival.path != receivers.HANG]
    receiver.release()
    push_loop.wait()
    receiver.arrivals()  # the second webhook of the subscription that hung
    assert len(times) == 198
    return 1000 * statistics.quantiles(times, n=100)[98]


def planning(bench: Bench) -> Figures:
    """Time to plan the next batch of 100 for a subscription that is 1,000,000 messages behind; against one that is 1,000 behind."""
    far = bench.rounds(FAR)
    with subscribed_topic(bench, "far", ["http://127.0.0.1/"]) as owner, functions.discard_metrics():
        servers.subscribe(owner, "near", ["http://127.0.0.1/"])
        for topic, behind in (("far", far), ("near", NEAR)):
            servers.fill(owner, topic, behind, 200)
            servers.move_to_log(owner, topic)
        owner.execute("CHECKPOINT")
        return alternate(_planning(owner, "far"), _planning(owner, "near"), bench.rounds(300))


def _planning(owner: psycopg.Connection[Any], topic: str) -> Callable[[], float]:
    """Return a call that plans a batch, and returns the milliseconds; it also delivers the batch and broadcasts a new one.

    The subscriptions of other topics are paused, or they would be planned as well.
    """
    publish = functions.publisher(topic, BATCH)

    def plan() -> float:
        owner.execute(
            "UPDATE broker.cursors c SET paused_at = CASE WHEN t.name <> %s THEN now() END"
            " FROM broker.topics t WHERE t.id = c.topic_id",
            [topic],
        )
        started = time.perf_counter()
        [job] = planner.plan(1)
        duration = 1000 * (time.perf_counter() - started)
        assert job.last_seq - job.first_seq == 99
        planner.plan(0, [outcomes.judge(job, Response(200, None, {}, b"", datetime.now(UTC), timedelta()))])
        publish()
        broadcasts.broadcast(topic)
        return duration

    return plan


def wal(bench: Bench) -> Figures:
    """Bytes of WAL of a delivered batch: its plan, and its outcome with an answer of 200 bytes, of a subscription with a url of 60 bytes and one secret. The median, so without images of whole pages."""
    with subscribed_topic(bench, "orders", ["http://127.0.0.1/" + "x" * 43]) as owner, functions.discard_metrics():
        publish = functions.publisher("orders", MESSAGE)

        def cycle() -> int:
            publish()
            broadcasts.broadcast("orders")
            begun = _wal_position(owner)
            [job] = planner.plan(100)
            response = Response(200, None, {}, b"x" * 200, datetime.now(UTC), timedelta())
            planner.plan(100, [outcomes.judge(job, response)])
            return _wal_position(owner) - begun

        return Figures(statistics.median(cycle() for _ in range(bench.rounds(500))))


def _wal_position(owner: psycopg.Connection[Any]) -> int:
    [(position,)] = owner.execute("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")
    return int(position)


@contextlib.contextmanager
def subscribed_topic(bench: Bench, name: str, urls: list[str]) -> Iterator[psycopg.Connection[Any]]:
    """Create a topic with these subscriptions; yield a connection of the owner."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        servers.connect(broker_db.owner_url) as owner,
    ):
        servers.subscribe(owner, name, urls)
        yield owner
