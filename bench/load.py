"""An HTTP client in its own process: on each connection it sends the next request when the response has arrived."""

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
class Spec:
    """Which request to send to which port: on each connection for `seconds`, and at least `minimum` times."""

    port: int
    request: bytes
    connections: int
    seconds: float
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """The seconds that each request took, and which share of a core the client used."""

    latencies: list[float]
    seconds: float
    cpu_share: float

    @property
    def rate(self) -> float:
        """Return the requests a second, of all connections."""
        return len(self.latencies) / self.seconds


class Client:
    """The bench's side of the client."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def run(self, spec: Spec) -> Result:
        """Send the requests. Raises ValueError for a response other than 201, and OSError when a connection ends."""
        self._pipe.send(spec)
        outcome = self._pipe.recv()
        if isinstance(outcome, Exception):
            raise outcome
        return cast("Result", outcome)


@contextlib.contextmanager
def client() -> Iterator[Client]:
    """Start a client, and stop it at the end."""
    with process(_work) as pipe:
        yield Client(pipe)


def _work(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while True:
            spec: Spec = pipe.recv()
            try:
                pipe.send(runner.run(_run(spec)))
            except (OSError, ValueError) as error:
                pipe.send(error)


async def _run(spec: Spec) -> Result:
    loop = asyncio.get_running_loop()
    started, cpu_before = time.perf_counter(), time.process_time()
    connections = [_Connection(spec, loop.create_future(), started + spec.seconds) for _ in range(spec.connections)]
    for each in connections:
        await loop.create_connection(lambda each=each: each, "127.0.0.1", spec.port)  # type: ignore[misc]  # a default in a lambda
    latencies = await asyncio.gather(*(each.latencies for each in connections))
    duration = time.perf_counter() - started
    return Result(
        [latency for each in latencies for latency in each], duration, (time.process_time() - cpu_before) / duration
    )


class _Connection(asyncio.Protocol):
    """One connection. Of a response it reads only the status and the length."""

    def __init__(self, spec: Spec, latencies: asyncio.Future[list[float]], until: float) -> None:
        self.latencies = latencies
        self._spec = spec
        self._until = until
        self._measured: list[float] = []
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        length = LENGTH.search(self._received, 0, head + 2)
        if head < 0 or (length and len(self._received) < head + 4 + int(length[1])):
            return
        now = time.perf_counter()
        if not length or not self._received.startswith(b"HTTP/1.1 201 "):
            self._finish(ValueError(self._received[:1000]))
            return
        self._measured.append(now - self._sent_at)
        self._received = b""
        if now < self._until or len(self._measured) < self._spec.minimum:
            self._send()
        else:
            self._finish(None)

    def connection_lost(self, _: Exception | None) -> None:
        self._finish(ConnectionError("the gateway closed a connection"))

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._spec.request)

    def _finish(self, error: Exception | None) -> None:
        if self.latencies.done():
            return
        if error:
            self.latencies.set_exception(error)
        else:
            self.latencies.set_result(self._measured)
        self._transport.close()
