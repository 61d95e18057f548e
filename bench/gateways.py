"""How fast messages are published over HTTP, through the gateway and the workers of `make run`."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from urllib.parse import urlsplit

import psutil

from bench import load, servers, starts
from bench.handlers import MESSAGE, plain_inserter
from bench.measure import Bench, Figures, alternate

CONTENT = MESSAGE.encode()
ROUND_SECONDS = 1
CONNECTIONS = 8  # for the CPU time, and as many processes of the reference
WARM_UP = 20  # requests on each connection; the first ones start the workers


def rate(connections: int) -> Callable[[Bench], Figures]:
    """Return the measurement of a row with so many connections."""

    def measure(bench: Bench) -> Figures:
        cpu_shares: list[float] = []
        with broker(bench) as ours, starts.serve("bench.constant") as constant, load.client() as client:

            def measure_rate(url: str) -> float:
                result = client.run(publish_spec(url, connections, ROUND_SECONDS))
                cpu_shares.append(result.cpu_share)
                return result.rate

            for url in (ours, constant):
                client.run(publish_spec(url, connections, 0, WARM_UP))
            figures = alternate(lambda: measure_rate(ours), lambda: measure_rate(constant), bench.rounds(15))
        return Figures(figures.ours, figures.reference, f"The client used up to {max(cpu_shares):.0%} of a core.")

    shown = "1 HTTP connection" if connections == 1 else f"{connections} HTTP connections"
    measure.__doc__ = (
        f"`make run` stores messages of 1 KB over {shown};"
        " against a function that returns a constant, behind the same gateway and workers."
    )
    return measure


def tail(bench: Bench) -> Figures:
    """`make run` stores messages of 1 KB over 8 HTTP connections: 99th percentile of the time a request takes; against the median."""
    with broker(bench) as url, load.client() as client:
        client.run(publish_spec(url, 8, 0, WARM_UP))
        rounds = [client.run(publish_spec(url, 8, 2 * ROUND_SECONDS)).latencies for _ in range(bench.rounds(15))]
    cuts = [statistics.quantiles(latencies, n=100) for latencies in rounds]
    percentile, median = (1000 * statistics.median(cut[nth - 1] for cut in cuts) for nth in (99, 50))
    return Figures(percentile, median)


def cpu(bench: Bench) -> Figures:
    """`make run` stores messages of 1 KB over 8 HTTP connections: CPU time of all its worker processes, for each publish; against the CPU time of 8 processes that run psycopg's `INSERT … RETURNING` into a plain table, for each row."""
    with (
        servers.create_broker_database(bench.server, "broker_bench") as broker_db,
        _serve(broker_db) as url,
        load.client() as client,
        ProcessPoolExecutor(CONNECTIONS, get_context("spawn")) as inserters,
    ):
        servers.create_plain_table(broker_db)

        def ours() -> float:
            before = _worker_seconds()
            published = len(client.run(publish_spec(url, CONNECTIONS, ROUND_SECONDS)).latencies)
            after = _worker_seconds()
            assert before.keys() <= after.keys(), "a worker has ended, and nobody knows what it used"
            return 1e6 * (sum(after.values()) - sum(before.values())) / published

        def reference() -> float:
            until = time.monotonic() + ROUND_SECONDS
            runs = [inserters.submit(_insert, broker_db.url, until) for _ in range(CONNECTIONS)]
            rows, cpu_seconds = map(sum, zip(*(run.result() for run in runs), strict=True))
            return 1e6 * cpu_seconds / rows

        client.run(publish_spec(url, CONNECTIONS, 0, WARM_UP))
        return alternate(ours, reference, bench.rounds(15))


def _insert(url: str, until: float) -> tuple[int, float]:
    """Insert rows until then; return how many, and the seconds of CPU time that this process used for them."""
    insert = _inserter(url)
    insert()
    rows, before = 0, time.process_time()
    while time.monotonic() < until:
        insert()
        rows += 1
    return rows, time.process_time() - before


@cache
def _inserter(url: str) -> Callable[[], object]:
    """Return the call of this process that inserts a row."""
    return plain_inserter(servers.connect(url))


def _worker_seconds() -> dict[int, float]:
    """Return the CPU time, user's and system's, of each worker process that this process's `make run` has so far."""
    processes = psutil.Process().children(recursive=True)
    workers = [each for each in processes if "local.functions.worker" in each.cmdline()]
    times = {each.pid: each.cpu_times() for each in workers}
    return {pid: each.user + each.system for pid, each in times.items()}


def publish_spec(url: str, connections: int, seconds: float, minimum: int = 1, *, topic: str = "orders") -> load.Spec:
    """Return the spec of a client that publishes messages of 1 KB over so many connections."""
    port = urlsplit(url).port
    assert port
    request = (
        b"POST /topics/%b/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        b"authorization: Bearer %b\r\ncontent-length: %d\r\n\r\n%b"
        % (topic.encode(), servers.ADMIN_TOKEN.encode(), len(CONTENT), CONTENT)
    )
    return load.Spec(port, request, connections, seconds, minimum)


@contextlib.contextmanager
def broker(bench: Bench) -> Iterator[str]:
    """Start `make run` on a new database of the bench's server; yield its URL."""
    with servers.create_broker_database(bench.server, "broker_bench") as broker_db, _serve(broker_db) as url:
        yield url


@contextlib.contextmanager
def _serve(broker_db: servers.Database) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder,
        starts.runner("local", broker_db, folder) as url,
    ):
        yield url
