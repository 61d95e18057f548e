"""A webhook endpoint in its own process. It does as little as HTTP allows, and notes when each request arrived."""

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

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HANG = "/hang"
HOLD, RELEASE = -1, -2  # commands; any other number asks for so many arrivals
PATIENCE_SECONDS = 60  # how long arrivals are awaited


@dataclass(frozen=True, slots=True)
class Arrival:
    """The path of a complete request, and when it arrived by the monotonic clock, which all processes share."""

    path: str
    at: float


class Receiver:
    """The bench's side of the endpoint."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._port = pipe.recv()

    def url(self, path: str = "/hook") -> str:
        """Return a URL of the endpoint. Between `hold` and `release`, paths that begin with HANG get no response."""
        return f"http://127.0.0.1:{self._port}{path}"

    def arrivals(self, minimum: int = 0) -> list[Arrival]:
        """Wait until at least `minimum` requests have arrived since the last call; return all of them."""
        self._pipe.send(minimum)
        assert self._pipe.poll(PATIENCE_SECONDS), f"fewer than {minimum} requests arrived"
        return [Arrival(*each) for each in self._pipe.recv()]

    def hold(self) -> None:
        """From now on, hold the responses to requests whose path begins with HANG."""
        self._pipe.send(HOLD)

    def release(self) -> None:
        """Send the held responses, and hold none from now on."""
        self._pipe.send(RELEASE)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Start a receiver, and stop it at the end."""
    with process(_work) as pipe:
        yield Receiver(pipe)


def _work(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    state = _State(pipe)
    server = await loop.create_server(lambda: _Connection(state), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    loop.add_reader(pipe.fileno(), state.handle_command)
    await server.serve_forever()


class _State:
    """What has arrived on all connections, and how many arrivals the bench waits for."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._arrivals: list[tuple[str, float]] = []
        self._awaited: int | None = None
        self._holds = False
        self._hanging: list[asyncio.Transport] = []

    def handle_command(self) -> None:
        command: int = self._pipe.recv()
        if command >= 0:
            self._awaited = command
            self._report()
            return
        self._holds = command == HOLD
        for transport in self._hanging:
            transport.write(RESPONSE)
        self._hanging.clear()

    def add(self, path: str, transport: asyncio.Transport) -> None:
        self._arrivals.append((path, time.monotonic()))
        if self._holds and path.startswith(HANG):
            self._hanging.append(transport)
        else:
            transport.write(RESPONSE)
        self._report()

    def _report(self) -> None:
        if self._awaited is not None and len(self._arrivals) >= self._awaited:
            self._pipe.send(self._arrivals)
            self._arrivals = []
            self._awaited = None


class _Connection(asyncio.Protocol):
    """One connection. Of a request it reads only the path and the length."""

    def __init__(self, state: _State) -> None:
        self._state = state
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head := self._received.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._received, 0, head)
            end = head + 4 + int(length[1] if length else 0)
            if len(self._received) < end:
                return
            path = self._received[: self._received.index(b" HTTP/1.1\r\n")].partition(b" ")[2].decode()
            self._received = self._received[end:]
            self._state.add(path, self._transport)
