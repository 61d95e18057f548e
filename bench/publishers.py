"""What broadcasts and deliveries are to those who publish meanwhile, and how soon what is published is received."""

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import requests

from bench import functions, gateways, load, receivers, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, alternate
from broker import deadlines
from broker.pubsub import broadcasts

PUBLISHERS = 8
ROUND_SECONDS = 1
STEADY_SECONDS = 3  # until as much is moved and sent as is published
WARM_UP = 5  # publishes


def beside(bench: Bench) -> Figures:
    """8 publishers, each a process that calls the publish handler, while up to 1,000,000 waiting messages are broadcast: the 99th percentile of a publish; against no broadcast."""
    with (
        servers.migrated(bench.server, "broker_bench") as made,
        servers.connect(made.owner_url) as owner,
        ProcessPoolExecutor(PUBLISHERS, get_context("spawn")) as publishers,
    ):
        servers.subscribe(owner, "orders", ["http://127.0.0.1/"])
        servers.fill(owner, "orders", bench.rounds(1_000_000), 200)
        moved = 0

        def tail(meanwhile: Callable[[], object]) -> float:
            until = time.monotonic() + ROUND_SECONDS
            loads = [publishers.submit(_publish, until) for _ in range(PUBLISHERS)]
            meanwhile()
            times = [each for load in loads for each in load.result()]
            return 1000 * statistics.quantiles(times, n=100)[98]

        def broadcast() -> None:
            nonlocal moved
            deadlines.begin(ROUND_SECONDS)  # it moves until then
            moved += broadcasts.broadcast("orders").messages
            deadlines.begin(math.inf)

        figures = alternate(lambda: tail(broadcast), lambda: tail(lambda: None), bench.rounds(10))
        return Figures(figures.ours, figures.reference, f"{moved:,} were moved.")


def _publish(until: float) -> list[float]:
    """Publish until then, and at least twice: the seconds that each took."""
    times: list[float] = []
    with functions.metrics_dropped():
        while (started := time.monotonic()) < until or len(times) < 2:
            _publisher()()
            times.append(time.monotonic() - started)
    return times


@cache
def _publisher() -> Callable[[], str]:
    """Make the publisher of this process."""
    return functions.publisher("orders", MESSAGE)


def auto(bench: Bench) -> Figures:
    """`make run` stores messages of 1 KB over 8 connections in a topic that broadcasts by itself, to one webhook; against a topic that does not."""
    with _subscribed(bench) as (url, receiver), load.client() as client:

        def rate(topic: str) -> float:
            loaded = client.load(gateways.wish(url, PUBLISHERS, STEADY_SECONDS, topic=topic))
            time.sleep(0.25)
            while receiver.receipts():  # the other side shall not pay for what is still to be sent
                time.sleep(0.25)
            return loaded.rate

        for topic in ("auto", "manual"):
            client.load(gateways.wish(url, PUBLISHERS, 0, gateways.WARMING, topic=topic))
        return alternate(lambda: rate("auto"), lambda: rate("manual"), bench.rounds(5))


def latency(bench: Bench) -> Figures:
    """`make run`, idle but for this: from a publish to a topic that broadcasts by itself until the webhook is received, the median."""
    return Figures(statistics.median(_latencies(bench)))


def latency_tail(bench: Bench) -> Figures:
    """The same: the 99th percentile."""
    return Figures(statistics.quantiles(_latencies(bench), n=100)[98])


@cache
def _latencies(bench: Bench) -> list[float]:
    """Milliseconds from the begin of a publish to the receipt of its webhook: measured once, for both rows."""
    times = []
    with _subscribed(bench) as (url, receiver), _session() as session:
        for _ in range(bench.rounds(200) + WARM_UP):
            time.sleep(0.1)
            started = time.monotonic()
            answer = session.post(f"{url}/topics/auto/messages", MESSAGE, headers={"content-type": "application/json"})
            assert answer.status_code == 201, answer.text
            [receipt] = receiver.receipts(1)
            times.append(1000 * (receipt.at - started))
    return times[WARM_UP:]


@contextlib.contextmanager
def _subscribed(bench: Bench) -> Iterator[tuple[str, receivers.Receiver]]:
    """`make run` with the topics `auto` and `manual`, each with a webhook: its url, and who receives."""
    with gateways.broker(bench) as url, receivers.receiver() as receiver, _session() as session:
        for topic in ("auto", "manual"):
            session.put(f"{url}/topics/{topic}", json={"broadcast": topic}).raise_for_status()
            made = session.post(f"{url}/topics/{topic}/subscriptions", json={"url": receiver.url()})
            made.raise_for_status()
        yield url, receiver


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["authorization"] = f"Bearer {servers.ADMIN_TOKEN}"
    return session
