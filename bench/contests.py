"""The broker against other queues on the same PostgreSQL: see docs/benchmarks.md for what each of them does."""

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
from bench.measure import Bench, Figures, LeftOut, alternate, seconds

RIVALS = Path(__file__).parent / "rivals"
NODE = RIVALS / "node_modules" / ".bin" / "node"
PYTHON = RIVALS / ".venv" / "bin" / "python"
VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
BATCH, BATCHES = 100, 20
MESSAGES = '{"messages": [' + ", ".join([MESSAGE] * BATCH) + "]}"


@dataclass(frozen=True, slots=True)
class Rival:
    """Another queue: what runs its program, where the package is, and how many batches make a round of it.

    `consumers` of ours take part: one of its workers may be many connections.
    """

    name: str
    interpreter: Path
    program: str
    package: str
    batches: int = BATCHES
    consumers: int = 1


PROCRASTINATE = Rival("procrastinate", PYTHON, "procrastinate_jobs.py", ".venv/lib/*/site-packages/procrastinate", 4)
PG_BOSS = Rival("pg-boss", NODE, "pg-boss.mjs", "node_modules/pg-boss")
GRAPHILE_WORKER = Rival("graphile-worker", NODE, "graphile-worker.mjs", "node_modules/graphile-worker", consumers=2)


def enqueue(rival: Rival) -> Callable[[Bench], Figures]:
    """Make the row that stores batches."""

    def measure(bench: Bench) -> Figures:
        with _both(bench, rival) as (ours, theirs):
            return alternate(
                lambda: BATCH * BATCHES / ours("enqueue", BATCHES),
                lambda: BATCH * rival.batches / theirs("enqueue", rival.batches),
                bench.rounds(15),
            )

    measure.__doc__ = f"The publish handler stores 100 messages of 1 KB at a time; against {rival.name}."
    return measure


def dequeue(rival: Rival) -> Callable[[Bench], Figures]:
    """Make the row that takes batches and settles them."""

    def measure(bench: Bench) -> Figures:
        def drained(side: Side, batches: int) -> float:
            side("enqueue", batches)
            return BATCH * batches / side("dequeue", batches)

        with _both(bench, rival) as (ours, theirs):
            return alternate(lambda: drained(ours, BATCHES), lambda: drained(theirs, rival.batches), bench.rounds(15))

    who = "The consume handler leases and acknowledges"
    if rival.consumers > 1:
        who = f"{rival.consumers} consume handlers at once lease and acknowledge"
    measure.__doc__ = f"{who} 100 messages of 1 KB at a time; against {rival.name}."
    return measure


Side = Callable[[str, int], float]
"""Does so many batches of a command, and tells how many seconds that took."""


@contextlib.contextmanager
def _both(bench: Bench, rival: Rival) -> Iterator[tuple[Side, Side]]:
    if not rival.interpreter.exists() or not list(RIVALS.glob(rival.package)):
        raise LeftOut(f"{rival.name} is not there: `make rivals` installs it")
    with (
        servers.migrated(bench.server, "broker_bench"),
        functions.metrics_dropped(),
        servers.made(bench.server, "broker_bench_rival") as url,
        _program(rival, url) as theirs,
        contextlib.ExitStack() as stack,
    ):
        processes = (ProcessPoolExecutor(1, get_context("spawn")) for _ in range(rival.consumers))
        consumers = [stack.enter_context(process) for process in processes]
        publish = functions.publisher("orders", MESSAGES)

        def ours(command: str, batches: int) -> float:
            if command == "enqueue":
                return seconds(lambda: [publish() for _ in range(batches)])
            return seconds(lambda: _at_once(consumers, batches))

        yield ours, theirs


def _at_once(consumers: list[ProcessPoolExecutor], batches: int) -> None:
    drained = [consumer.submit(_drain, batches // len(consumers)) for consumer in consumers]
    for each in drained:
        each.result()


def _drain(batches: int) -> None:
    with functions.metrics_dropped():
        for _ in range(batches):
            _consumer().cycle()


@cache
def _consumer() -> functions.Consumer:
    """Make the consumer of this process."""
    return functions.Consumer("orders", BATCH)


@contextlib.contextmanager
def _program(rival: Rival, url: str) -> Iterator[Side]:
    with subprocess.Popen(
        [rival.interpreter, RIVALS / rival.program],
        env=os.environ
        | {VARIABLES[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in VARIABLES},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert _line(process) == "ready"
            yield partial(_told, process)
        finally:
            process.kill()


def _told(process: "subprocess.Popen[str]", command: str, batches: int) -> float:
    assert process.stdin
    print(command, BATCH, batches, file=process.stdin, flush=True)
    return float(_line(process))


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()
