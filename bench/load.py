"""A client that asks again as soon as it is answered, in a process of its own."""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import uvloop

from bench.processes import process

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to ask, of whom: over each connection for `seconds`, and `least` times at least."""

    port: int
    request: bytes
    connections: int
    seconds: float
    least: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: each request's seconds, and the share of a core that the client itself took."""

    latencies: list[float]
    seconds: float
    share: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


class Client:
    """The client as the bench sees it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def load(self, wish: Wish) -> Load:
        """Ask as wished. Raises what the client met: an answer other than 201, or a connection that ended."""
        self._pipe.send(wish)
        outcome = self._pipe.recv()
        if isinstance(outcome, Exception):
            raise outcome
        return cast("Load", outcome)


@contextlib.contextmanager
def client() -> Iterator[Client]:
    """Start a client, and end it."""
    with process(_work) as pipe:
        yield Client(pipe)


def _work(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while True:
            wish: Wish = pipe.recv()
            try:
                pipe.send(runner.run(_load(wish)))
            except (OSError, ValueError) as error:
                pipe.send(error)


async def _load(wish: Wish) -> Load:
    loop = asyncio.get_running_loop()
    started, worked = time.perf_counter(), time.process_time()
    asked = [_Connection(wish, loop.create_future(), started + wish.seconds) for _ in range(wish.connections)]
    for each in asked:
        await loop.create_connection(lambda each=each: each, "127.0.0.1", wish.port)  # type: ignore[misc]  # a default in a lambda
    latencies = await asyncio.gather(*(each.latencies for each in asked))
    took = time.perf_counter() - started
    return Load([latency for each in latencies for latency in each], took, (time.process_time() - worked) / took)


class _Connection(asyncio.Protocol):
    """One connection. It reads no more of an answer than its status and where it ends."""

    def __init__(self, wish: Wish, latencies: asyncio.Future[list[float]], until: float) -> None:
        self.latencies = latencies
        self._wish = wish
        self._until = until
        self._measured: list[float] = []
        self._octets = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, octets: bytes) -> None:
        self._octets += octets
        head = self._octets.find(b"\r\n\r\n")
        length = LENGTH.search(self._octets, 0, head + 2)
        if head < 0 or (length and len(self._octets) < head + 4 + int(length[1])):
            return
        now = time.perf_counter()
        if not length or not self._octets.startswith(b"HTTP/1.1 201 "):
            self._end(ValueError(self._octets[:1000]))
            return
        self._measured.append(now - self._asked)
        self._octets = b""
        if now < self._until or len(self._measured) < self._wish.least:
            self._ask()
        else:
            self._end(None)

    def connection_lost(self, _: Exception | None) -> None:
        self._end(ConnectionError("the gateway closed a connection"))

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._wish.request)

    def _end(self, error: Exception | None) -> None:
        if self.latencies.done():
            return
        if error:
            self.latencies.set_exception(error)
        else:
            self.latencies.set_result(self._measured)
        self._transport.close()
