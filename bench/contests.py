"""The broker against its peers, other queues on the same PostgreSQL. docs/explanation/benchmarks.md says what each does."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from bench import functions, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, Skip, alternate, seconds

PEERS = Path(__file__).parent / "peers"
NODE = PEERS / "node_modules" / ".bin" / "node"
PYTHON = PEERS / ".venv" / "bin" / "python"
VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
BATCH, BATCHES = 100, 20
MESSAGES = '{"messages": [' + ", ".join([MESSAGE] * BATCH) + "]}"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another queue: the interpreter of its program, where its package is installed, and how many batches a round has.

    It is compared with so many `consumers` of the broker, since one of its workers may use several connections.
    """

    name: str
    interpreter: Path
    program: str
    package: str
    batches: int = BATCHES
    consumers: int = 1


PROCRASTINATE = Peer("procrastinate", PYTHON, "procrastinate_jobs.py", ".venv/lib/*/site-packages/procrastinate", 4)
PG_BOSS = Peer("pg-boss", NODE, "pg-boss.mjs", "node_modules/pg-boss")
GRAPHILE_WORKER = Peer("graphile-worker", NODE, "graphile-worker.mjs", "node_modules/graphile-worker", consumers=2)


def enqueue(peer: Peer) -> Callable[[Bench], Figures]:
    """Return the measurement of the row that stores batches."""

    def measure(bench: Bench) -> Figures:
        with _sides(bench, peer) as (ours, theirs):
            return alternate(
                lambda: BATCH * BATCHES / ours("enqueue", BATCHES),
                lambda: BATCH * peer.batches / theirs("enqueue", peer.batches),
                bench.rounds(15),
            )

    measure.__doc__ = (
        f"The publish handler, called directly, stores batches of 100 messages of 1 KB; against {peer.name}."
    )
    return measure


def dequeue(peer: Peer) -> Callable[[Bench], Figures]:
    """Return the measurement of the row that leases batches and acknowledges them."""

    def measure(bench: Bench) -> Figures:
        def dequeue_rate(side: Side, batches: int) -> float:
            side("enqueue", batches)
            return BATCH * batches / side("dequeue", batches)

        with _sides(bench, peer) as (ours, theirs):
            return alternate(
                lambda: dequeue_rate(ours, BATCHES), lambda: dequeue_rate(theirs, peer.batches), bench.rounds(15)
            )

    doing = "The consume handler, called directly in a process of its own, leases and acknowledges"
    if peer.consumers > 1:
        doing = f"{peer.consumers} consume handlers, called directly in a process each, lease and acknowledge"
    measure.__doc__ = f"{doing} batches of 100 messages of 1 KB; against {peer.name}."
    return measure


Side = Callable[[str, int], float]
"""Runs a command on so many batches, and returns how many seconds that took."""


@contextlib.contextmanager
def _sides(bench: Bench, peer: Peer) -> Iterator[tuple[Side, Side]]:
    if not peer.interpreter.exists() or not list(PEERS.glob(peer.package)):
        raise Skip(f"{peer.name} is not installed: run `make peers`")
    with (
        servers.create_broker_database(bench.server, "broker_bench"),
        functions.discard_metrics(),
        servers.create_database(bench.server, "broker_bench_peer") as url,
        _start_program(peer, url) as theirs,
        contextlib.ExitStack() as stack,
    ):
        processes = (ProcessPoolExecutor(1, get_context("spawn")) for _ in range(peer.consumers))
        consumers = [stack.enter_context(process) for process in processes]
        publish = functions.publisher("orders", MESSAGES)

        def ours(command: str, batches: int) -> float:
            if command == "enqueue":
                return seconds(lambda: [publish() for _ in range(batches)])
            return seconds(lambda: _drain_concurrently(consumers, batches))

        yield ours, theirs


def _drain_concurrently(consumers: list[ProcessPoolExecutor], batches: int) -> None:
    drains = [consumer.submit(_drain, batches // len(consumers)) for consumer in consumers]
    for drain in drains:
        drain.result()


def _drain(batches: int) -> None:
    with functions.discard_metrics():
        for _ in range(batches):
            _consumer().cycle()


@cache
def _consumer() -> functions.Consumer:
    """Return the consumer of this process."""
    return functions.Consumer("orders", BATCH)


@contextlib.contextmanager
def _start_program(peer: Peer, url: str) -> Iterator[Side]:
    with subprocess.Popen(
        [peer.interpreter, PEERS / peer.program],
        env=os.environ
        | {VARIABLES[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in VARIABLES},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert _read_line(process) == "ready"
            yield partial(_run_command, process)
        finally:
            process.kill()


def _run_command(process: "subprocess.Popen[str]", command: str, batches: int) -> float:
    assert process.stdin
    print(command, BATCH, batches, file=process.stdin, flush=True)
    return float(_read_line(process))


def _read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()
