"""How fast the Python client is, against the HTTP client below it."""

import asyncio
import itertools
import json
import time
from typing import Any

import httpx2

from bench import gateways, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, alternate, rate
from pgbroker import AsyncBroker, Broker, LeasedMessage, Message

CONTENT = json.loads(MESSAGE)["content"]
SINGLES = 200  # messages a round, one a request
GATHERED = 10_000
CONSUMED = 3_200
CONCURRENCY = 16
TASKS = 64
PUBLISHED = 640
HEADERS = {"Authorization": f"Bearer {servers.ADMIN_TOKEN}", "Content-Type": "application/json"}


def buffered(bench: Bench) -> Figures:
    """The client's publisher stores messages of 1 KB, gathered; against the same client's one request a message."""
    with gateways.broker(bench) as url, Broker(url, servers.ADMIN_TOKEN) as broker:

        def ours() -> float:
            started = time.perf_counter()
            with broker.publisher("orders") as publisher:
                for _ in range(GATHERED):
                    publisher.publish(CONTENT)
            return GATHERED / (time.perf_counter() - started)

        return alternate(ours, lambda: rate(lambda: broker.publish("orders", CONTENT), SINGLES), bench.rounds(9))


def consumer(bench: Bench) -> Figures:
    """The client's consumer with 16 messages at once and an empty handler; against bare calls of its HTTP client that consume 16 and settle 16, in turns."""
    with gateways.broker(bench) as url, Broker(url, servers.ADMIN_TOKEN) as broker, httpx2.Client() as bare:

        def fill() -> None:
            broker.publish_many("orders", [Message(CONTENT)] * CONSUMED)

        def ours() -> float:
            fill()
            counted, ended = itertools.count(1), []

            def handle(_: LeasedMessage[Any]) -> None:
                if next(counted) == CONSUMED:
                    ended.append(time.perf_counter())
                    consuming.stop()

            consuming = broker.consumer("orders", handle, concurrency=CONCURRENCY, wait_seconds=0)
            started = time.perf_counter()
            consuming.run()
            return CONSUMED / (ended[0] - started)

        def reference() -> float:
            fill()
            started = time.perf_counter()
            for _ in range(CONSUMED // CONCURRENCY):
                leased = _post(bare, f"{url}/topics/orders/consume", {"max": CONCURRENCY})["messages"]
                _post(bare, f"{url}/topics/orders/settle", {"ack": [message["receipt"] for message in leased]})
            return CONSUMED / (time.perf_counter() - started)

        return alternate(ours, reference, bench.rounds(9))


def tasks(bench: Bench) -> Figures:
    """64 tasks of asyncio publish messages of 1 KB with the client; against the same with its bare HTTP client."""
    with gateways.broker(bench) as url:

        async def ours() -> float:
            async with AsyncBroker(url, servers.ADMIN_TOKEN) as broker:
                return await _in_tasks(lambda: broker.publish("orders", CONTENT))

        async def reference() -> float:
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
            async with httpx2.AsyncClient(headers=HEADERS, limits=limits) as bare:

                async def publish() -> str:
                    response = await bare.post(f"{url}/topics/orders/messages", json={"content": CONTENT})
                    return str(response.raise_for_status().json()["id"])

                return await _in_tasks(publish)

        return alternate(lambda: asyncio.run(ours()), lambda: asyncio.run(reference()), bench.rounds(9))


async def _in_tasks(publish: Any) -> float:
    """Publish in so many tasks at once, and return how many messages a second that is, without the connecting."""

    async def work() -> None:
        for _ in range(PUBLISHED // TASKS):
            await publish()

    await asyncio.gather(*(publish() for _ in range(TASKS)))
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TASKS)))
    return PUBLISHED / (time.perf_counter() - started)


def _post(bare: httpx2.Client, url: str, body: Any) -> Any:
    return bare.post(url, json=body, headers=HEADERS).raise_for_status().json()
