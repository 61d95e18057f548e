"""A server that takes webhooks, in a process of its own: it does as little as HTTP allows, and knows when each came."""

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
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
HANG = "/hang"
HOLD, LET_GO = -1, -2  # to the pipe, which otherwise takes how many receipts to wait for
LONGEST = 60  # seconds that receipts are waited for


@dataclass(frozen=True, slots=True)
class Receipt:
    """A request that came whole, and when by the monotonic clock, which the machine's processes share."""

    path: str
    at: float


class Receiver:
    """The server as the bench sees it."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._port = pipe.recv()

    def url(self, path: str = "/hook") -> str:
        """Where to send to. What goes to a path that begins with HANG waits for its answer while such are held."""
        return f"http://127.0.0.1:{self._port}{path}"

    def receipts(self, least: int = 0) -> list[Receipt]:
        """Wait until at least so many requests came since the last call, and tell all of them."""
        self._pipe.send(least)
        assert self._pipe.poll(LONGEST), f"fewer than {least} requests came"
        return [Receipt(*each) for each in self._pipe.recv()]

    def hold(self) -> None:
        """Let hang what comes to HANG from now on."""
        self._pipe.send(HOLD)

    def let_go(self) -> None:
        """Answer what hangs, and let nothing hang any more."""
        self._pipe.send(LET_GO)


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Start a receiver, and end it."""
    with process(_work) as pipe:
        yield Receiver(pipe)


def _work(pipe: Connection) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    taken = _Taken(pipe)
    server = await loop.create_server(lambda: _Connection(taken), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])
    loop.add_reader(pipe.fileno(), taken.asked)
    await server.serve_forever()


class _Taken:
    """What all connections brought, and what the bench waits for."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._receipts: list[tuple[str, float]] = []
        self._wanted: int | None = None
        self._held = False
        self._hanging: list[asyncio.Transport] = []

    def asked(self) -> None:
        wish: int = self._pipe.recv()
        if wish >= 0:
            self._wanted = wish
            self._tell()
            return
        self._held = wish == HOLD
        for transport in self._hanging:
            transport.write(ANSWER)
        self._hanging.clear()

    def take(self, path: str, transport: asyncio.Transport) -> None:
        self._receipts.append((path, time.monotonic()))
        if self._held and path.startswith(HANG):
            self._hanging.append(transport)
        else:
            transport.write(ANSWER)
        self._tell()

    def _tell(self) -> None:
        if self._wanted is not None and len(self._receipts) >= self._wanted:
            self._pipe.send(self._receipts)
            self._receipts = []
            self._wanted = None


class _Connection(asyncio.Protocol):
    """One connection. It reads no more of a request than its path and where it ends."""

    def __init__(self, taken: _Taken) -> None:
        self._taken = taken
        self._octets = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, octets: bytes) -> None:
        self._octets += octets
        while (head := self._octets.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self._octets, 0, head)
            end = head + 4 + int(length[1] if length else 0)
            if len(self._octets) < end:
                return
            path = self._octets[: self._octets.index(b" HTTP/1.1\r\n")].partition(b" ")[2].decode()
            self._octets = self._octets[end:]
            self._taken.take(path, self._transport)
