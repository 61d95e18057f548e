"""Run loads on `make run`, and count what a message takes.

Messages of 1 KB are published to auto topics at an even rate, and pushed to webhooks that respond after 100 ms.
"""

import contextlib
import http.client
import json
import platform
import re
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psutil
import psycopg

from bench import servers, starts
from bench.handlers import MESSAGE
from scripts.cost import hooks
from scripts.cost.counts import State, count
from scripts.cost.events import Event
from scripts.cost.traffic import Measured, Traffic

PUBLISHERS = 12  # requests at the same time; each needs a process, which starts slowly on a busy machine
PATIENCE_SECONDS = 120
REST_SECONDS = 2


@dataclass(frozen=True)
class Load:
    """Requests at an even rate, to each of the topics in turn."""

    name: str
    per_second: float
    seconds: float
    topics: int = 1
    batch: int = 1  # messages in each request


LOADS = (
    Load("1/s", 1, 60),
    Load("10/s", 10, 30),
    Load("40/s, one topic", 40, 20),
    Load("40/s, 40 topics", 40, 20, topics=40),
    Load("200/s", 200, 15),
    Load("400/s", 400, 10),
    Load("100 in each request", 1, 30, batch=100),
)
WARM_UP = Load("warm-up", 10, 6, topics=5)
SUBSCRIBERS = (1, 3)


def measure(
    loads: Collection[Load] = LOADS, subscribers: Collection[int] = SUBSCRIBERS, *, idle_seconds: float = 60
) -> Measured:
    """Run each load with each number of subscribers, and a time without any. All of them take nine minutes."""
    with _start() as run:
        run.load(WARM_UP, max(subscribers))
        idle_events = run.rest(idle_seconds)
        traffic = [run.load(load, number) for load in loads for number in subscribers]
    machine = f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}"
    return Measured(machine, idle_events, traffic)


@contextlib.contextmanager
def _start() -> Iterator["_Run"]:
    with (
        tempfile.TemporaryDirectory(prefix="broker-cost-", ignore_cleanup_errors=True) as folder,
        servers.server() as server,
        servers.create_broker_database(server, "broker_cost") as database,
        hooks.serve() as endpoints,
        servers.connect(database.owner_url) as owner,
        starts.runner("scripts.cost.counted_runner", database, folder, COST_EVENTS=f"{folder}/events") as url,
    ):
        yield _Run(url, endpoints, Path(folder), owner)


class _Run:
    def __init__(self, url: str, endpoints: hooks.Hooks, folder: Path, owner: psycopg.Connection[Any]) -> None:
        self._address = urlsplit(url).netloc
        self._connections = threading.local()
        self._hooks, self._owner = endpoints, owner
        self._events, self._log = folder / "events", folder / "log"
        owner.execute("ALTER SYSTEM SET full_page_writes = off")  # Aurora writes no pages to its log
        owner.execute("SELECT pg_reload_conf()")

    def load(self, load: Load, subscribers: int) -> Traffic:
        """Publish, wait until all is delivered and nothing runs, and count what it took."""
        self._connections = threading.local()  # the gateway closes those that were idle for a while
        topics = [f"{re.sub('[^0-9a-z]+', '-', load.name)}-{subscribers}-{nth}" for nth in range(load.topics)]
        for topic in topics:
            self._request("PUT", f"/topics/{topic}", {"broadcast": "auto"})
            for nth in range(subscribers):
                url = f"{self._hooks.url}/{topic}/{nth}"
                self._request("POST", f"/topics/{topic}/subscriptions", {"url": url})
        self.rest(REST_SECONDS)
        before = self._state()
        messages = self._publish(load, topics)
        _wait_until(lambda: self._hooks.messages - before.delivered >= messages * subscribers)
        self.rest(REST_SECONDS)
        return count(load.name, subscribers, messages, before, self._state(), self._read(before.position))

    def rest(self, seconds: float) -> int:
        """Wait until nothing was noted for REST_SECONDS, and then for so long; return how much was noted in it."""
        _wait_until(lambda: time.time() - self._events.stat().st_mtime > REST_SECONDS)
        position = self._events.stat().st_size
        time.sleep(seconds)
        return len(self._read(position))

    def _publish(self, load: Load, topics: Sequence[str]) -> int:
        message = json.loads(MESSAGE)
        content = message if load.batch == 1 else {"messages": [message] * load.batch}
        requests = int(load.per_second * load.seconds)
        started = time.monotonic()
        with ThreadPoolExecutor(PUBLISHERS) as pool:
            sent = []
            for nth in range(requests):
                time.sleep(max(0.0, started + nth / load.per_second - time.monotonic()))
                path = f"/topics/{topics[nth % len(topics)]}/messages"
                sent.append(pool.submit(self._request, "POST", path, content))
            for each in sent:
                each.result()
        return requests * load.batch

    def _request(self, method: str, path: str, content: object) -> None:
        if not hasattr(self._connections, "own"):
            self._connections.own = http.client.HTTPConnection(self._address)
        headers = {"authorization": f"Bearer {servers.ADMIN_TOKEN}", "content-type": "application/json"}
        self._connections.own.request(method, path, json.dumps(content), headers)
        response = self._connections.own.getresponse()
        body = response.read()
        if response.status not in {200, 201}:
            raise RuntimeError(f"the broker responded {response.status}: {body.decode()}")

    def _state(self) -> State:
        [(wal, size)] = self._owner.execute(
            "SELECT (pg_current_wal_lsn() - '0/0')::bigint, pg_database_size(current_database())"
        ).fetchall()
        processes = psutil.Process().children(recursive=True)
        times = [each.cpu_times() for each in processes if each.name() == "postgres"]
        return State(
            position=self._events.stat().st_size,
            delivered=self._hooks.messages,
            log_bytes=self._log.stat().st_size,
            storage_bytes=size,
            wal_bytes=wal,
            # of processes that have ended too
            database_seconds=sum(each.user + each.system + each.children_user + each.children_system for each in times),
        )

    def _read(self, position: int) -> list[Event]:
        with self._events.open("rb") as file:
            file.seek(position)
            return [msgspec.json.decode(line, type=Event) for line in file]


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("the broker did not deliver everything")
        time.sleep(0.05)
