"""How fast webhooks leave, and what each costs."""

import asyncio
import contextlib
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from multiprocessing.connection import Connection

import requests
from requests.adapters import HTTPAdapter

from bench.measure import Bench, Figures, alternate, seconds
from broker.transfers import Request
from broker.webhooks import Sender

WEBHOOKS, THREADS = 1000, 64
BODY = b'"' + b"x" * 1022 + b'"'
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1", "webhook-timestamp": "1795500000"}


def webhooks(bench: Bench) -> Figures:
    """A Sender posts 1,000 webhooks of 1 KB to a server that answers at once; against 64 threads of `requests`."""
    with _endpoint() as url, Sender[int](allow_private=True) as sender, requests.Session() as session:
        session.trust_env = False  # as the Sender: no proxy, no .netrc
        session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))

        def ours() -> None:
            for nth in range(WEBHOOKS):
                sender.post(Request(url, HEADERS, BODY), nth)
            while sender:
                for _, answer in sender.answers(timedelta(seconds=15)):
                    assert answer.status == 200, answer.reason

        with ThreadPoolExecutor(THREADS) as pool:

            def post(_nth: int) -> None:
                assert session.post(url, BODY, headers=HEADERS, timeout=15).status_code == 200

            def reference() -> None:
                list(pool.map(post, range(WEBHOOKS)))

            figures = alternate(
                lambda: WEBHOOKS / seconds(ours), lambda: WEBHOOKS / seconds(reference), bench.rounds(15)
            )
            costs = alternate(lambda: _cost(ours), lambda: _cost(reference), bench.rounds(10))
    return Figures(
        figures.ours,
        figures.reference,
        f"CPU of the sending process: {costs.ours:.0f} µs each, {costs.reference:.0f} µs",
    )


def _cost(send: Callable[[], None]) -> float:
    """Microseconds of CPU a webhook, in this process: the server is another."""
    before = time.process_time()
    send()
    return 1e6 * (time.process_time() - before) / WEBHOOKS


@contextlib.contextmanager
def _endpoint() -> Iterator[str]:
    """Run a server in a process of its own: its url."""
    spawning = multiprocessing.get_context("spawn")
    mine, its = spawning.Pipe()
    process = spawning.Process(target=_serve, args=(its,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}/hook"
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0, backlog=1024)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


class _Answers(asyncio.Protocol):
    """Says 200 to each POST of a BODY, and reads no more of it than where it ends."""

    def __init__(self) -> None:
        self._octets = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, octets: bytes) -> None:
        self._octets += octets
        while (head := self._octets.find(b"\r\n\r\n")) >= 0 and len(self._octets) >= head + 4 + len(BODY):
            self._octets = self._octets[head + 4 + len(BODY) :]
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
