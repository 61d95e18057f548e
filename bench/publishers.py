"""How much broadcasts and deliveries slow concurrent publishers down, and how soon a published message is received."""

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
AUTO_SECONDS = 3  # long enough that messages are moved and sent as fast as they are published
WARM_UP = 5  # publishes


def beside(bench: Bench) -> Figures:
    """8 publishers, each a process that calls the publish handler, while up to 1,000,000 waiting messages are broadcast: 99th percentile of the time a publish takes; against no broadcast."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        servers.connect(broker_db.owner_url) as owner,
        ProcessPoolExecutor(PUBLISHERS, get_context("spawn")) as publishers,
    ):
        servers.subscribe(owner, "orders", ["http://127.0.0.1/"])
        servers.fill(owner, "orders", bench.rounds(1_000_000), 200)
        moved = 0

        def tail(during: Callable[[], object]) -> float:
            until = time.monotonic() + ROUND_SECONDS
            loads = [publishers.submit(_publish, until) for _ in range(PUBLISHERS)]
            during()
            times = [each for load in loads for each in load.result()]
            return 1000 * statistics.quantiles(times, n=100)[98]

        def broadcast() -> None:
            nonlocal moved
            deadlines.begin(ROUND_SECONDS)  # the broadcast stops then
            moved += broadcasts.broadcast("orders").messages
            deadlines.begin(math.inf)

        figures = alternate(lambda: tail(broadcast), lambda: tail(lambda: None), bench.rounds(10))
        return Figures(figures.ours, figures.reference, f"{moved:,} messages were broadcast.")


def _publish(until: float) -> list[float]:
    """Publish until then, and at least twice; return the seconds that each publish took."""
    times: list[float] = []
    with functions.discard_metrics():
        while (started := time.monotonic()) < until or len(times) < 2:
            _publisher()()
            times.append(time.monotonic() - started)
    return times


@cache
def _publisher() -> Callable[[], str]:
    """Return the publisher of this process."""
    return functions.publisher("orders", MESSAGE)


def auto(bench: Bench) -> Figures:
    """`make run` stores messages of 1 KB over 8 connections in a topic with `broadcast: auto` and one webhook; against the same with `broadcast: manual`."""
    with _broker_with_webhooks(bench) as (url, receiver), load.client() as client:

        def rate(topic: str) -> float:
            result = client.run(gateways.publish_spec(url, PUBLISHERS, AUTO_SECONDS, topic=topic))
            time.sleep(0.25)
            while receiver.arrivals():  # the webhooks that still arrive would slow the other side down
                time.sleep(0.25)
            return result.rate

        for topic in ("auto", "manual"):
            client.run(gateways.publish_spec(url, PUBLISHERS, 0, gateways.WARM_UP, topic=topic))
        return alternate(lambda: rate("auto"), lambda: rate("manual"), bench.rounds(5))


def latency(bench: Bench) -> Figures:
    """`make run`, otherwise idle: time from a publish to a topic with `broadcast: auto` until its webhook arrives, median."""
    return Figures(statistics.median(_latencies(bench)))


def latency_tail(bench: Bench) -> Figures:
    """The same time, 99th percentile."""
    return Figures(statistics.quantiles(_latencies(bench), n=100)[98])


@cache
def _latencies(bench: Bench) -> list[float]:
    """Return the milliseconds from a publish until its webhook arrives. Measured once, for both rows."""
    times = []
    with _broker_with_webhooks(bench) as (url, receiver), _session() as session:
        for _ in range(bench.rounds(200) + WARM_UP):
            time.sleep(0.1)
            started = time.monotonic()
            response = session.post(
                f"{url}/topics/auto/messages", MESSAGE, headers={"content-type": "application/json"}
            )
            assert response.status_code == 201, response.text
            [arrival] = receiver.arrivals(1)
            times.append(1000 * (arrival.at - started))
    return times[WARM_UP:]


@contextlib.contextmanager
def _broker_with_webhooks(bench: Bench) -> Iterator[tuple[str, receivers.Receiver]]:
    """Start `make run` with topics `auto` and `manual`, each with a webhook; yield its URL and the receiver."""
    with gateways.broker(bench) as url, receivers.receiver() as receiver, _session() as session:
        for topic in ("auto", "manual"):
            session.put(f"{url}/topics/{topic}", json={"broadcast": topic}).raise_for_status()
            created = session.post(f"{url}/topics/{topic}/subscriptions", json={"url": receiver.url()})
            created.raise_for_status()
        yield url, receiver


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["authorization"] = f"Bearer {servers.ADMIN_TOKEN}"
    return session
