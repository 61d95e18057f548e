"""What comes of publishing over HTTP, through the gateway and the workers of `make run`."""

import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from bench import load, servers, starts
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, alternate

CONTENT = MESSAGE.encode()
ROUND_SECONDS = 1
WARMING = 20  # requests a connection: each of them waits for a worker of its own


def rate(connections: int) -> Callable[[Bench], Figures]:
    """Make the row of so many connections."""

    def measure(bench: Bench) -> Figures:
        shares: list[float] = []
        with broker(bench) as ours, starts.running("bench.constant") as constant, load.client() as client:

            def asked(url: str) -> float:
                loaded = client.load(wish(url, connections, ROUND_SECONDS))
                shares.append(loaded.share)
                return loaded.rate

            for url in (ours, constant):
                client.load(wish(url, connections, 0, WARMING))
            figures = alternate(lambda: asked(ours), lambda: asked(constant), bench.rounds(15))
        return Figures(figures.ours, figures.reference, f"The client took up to {max(shares):.0%} of a core.")

    over = "1 connection" if connections == 1 else f"{connections} connections"
    measure.__doc__ = (
        f"`make run` stores messages of 1 KB over {over};"
        " against a function that answers a constant, behind the same gateway and workers."
    )
    return measure


def tail(bench: Bench) -> Figures:
    """`make run` stores messages of 1 KB over 8 connections: the 99th percentile; against the median."""
    with broker(bench) as url, load.client() as client:
        client.load(wish(url, 8, 0, WARMING))
        rounds = [client.load(wish(url, 8, 2 * ROUND_SECONDS)).latencies for _ in range(bench.rounds(15))]
    cuts = [statistics.quantiles(latencies, n=100) for latencies in rounds]
    last, middle = (1000 * statistics.median(cut[nth - 1] for cut in cuts) for nth in (99, 50))
    return Figures(last, middle)


def wish(url: str, connections: int, seconds: float, least: int = 1, *, topic: str = "orders") -> load.Wish:
    """Wish for messages of 1 KB to be published over so many connections."""
    port = urlsplit(url).port
    assert port
    request = (
        b"POST /topics/%b/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (topic.encode(), servers.ADMIN_TOKEN.encode(), len(CONTENT), CONTENT)
    )
    return load.Wish(port, request, connections, seconds, least)


@contextlib.contextmanager
def broker(bench: Bench) -> Iterator[str]:
    """`make run` on a database of the bench's server: its url."""
    with (
        servers.migrated(bench.server, "broker_bench") as made,
        tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder,
        starts.running(
            "local",
            BROKER_DATA=folder,
            BROKER_PORT="0",
            BROKER_ADMIN_TOKEN=servers.ADMIN_TOKEN,
            DATABASE_URL=made.url,
            OWNER_DATABASE_URL=made.owner_url,
        ) as url,
    ):
        yield url
