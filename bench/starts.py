"""How long it takes to start a function's new process, and the whole broker on a laptop."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench import functions, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures, alternate, seconds

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
LAYER = ROOT / "layers" / "broker"


def new_process(bench: Bench) -> Figures:
    """A new process imports the publish function and calls its handler with one request; against a process that imports psycopg and inserts one row."""
    with servers.create_broker_database(bench.server, "broker_bench") as broker_db:
        servers.create_plain_table(broker_db)
        event = json.dumps(functions.event(functions.PUBLISH, "orders", MESSAGE))
        path = os.pathsep.join(map(str, (ROOT / "functions" / "publish", LAYER)))
        ours = partial(_run, "first_publish.py", event, {**os.environ, "PYTHONPATH": path})
        reference = partial(_run, "first_insert.py", event, {**os.environ, "PYTHONPATH": ""})
        return alternate(ours, reference, bench.rounds(31))


def _run(program: str, event: str, environment: Mapping[str, str]) -> float:
    """Return the milliseconds from the start of a program to its end. The first run writes the .pyc files."""
    command = [sys.executable, str(FOLDER / program)]
    run = partial(
        subprocess.run, command, input=event, env=environment, text=True, check=True, stdout=subprocess.DEVNULL
    )
    return 1000 * seconds(run)


def first_start(bench: Bench) -> Figures:
    """`python -m local` with an empty data folder, dependencies installed: time until it is ready, with a new database cluster."""
    times = []
    for _ in range(bench.rounds(5)):
        with _data_folder() as folder:
            times.append(_start(folder))
    return Figures(statistics.median(times))


def second_start(bench: Bench) -> Figures:
    """`python -m local` with the data of an earlier run: time until it is ready."""
    with _data_folder() as folder:
        times = [_start(folder) for _ in range(bench.rounds(9) + 1)]
    return Figures(statistics.median(times[1:]))


def _data_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True)


def _start(folder: str) -> float:
    """Start the broker, return the seconds until it is ready, and stop it."""
    Path(folder).chmod(0o755)  # PostgreSQL may run as another user
    started = time.perf_counter()
    with serve("local", BROKER_PORT="0", BROKER_DATA=folder):
        return time.perf_counter() - started


@contextlib.contextmanager
def runner(module: str, database: servers.Database, folder: str, **environment: str) -> Iterator[str]:
    """Run the local runner, or a module that does, with a database of the bench and its data in `folder`."""
    given = {
        "BROKER_DATA": folder,
        "BROKER_PORT": "0",
        "BROKER_ADMIN_TOKEN": servers.ADMIN_TOKEN,
        "TOKEN_KEYS": servers.TOKEN_KEY,
        "DATABASE_URL": database.url,
        "OWNER_DATABASE_URL": database.owner_url,
    }
    with serve(module, **given, **environment) as url:
        yield url


@contextlib.contextmanager
def serve(module: str, **environment: str) -> Iterator[str]:
    """Run a module that serves HTTP, and yield the URL of its line `ready on URL`. It is stopped at the end."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "PG_BIN") if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={**inherited, "PYTHONPATH": str(LAYER), **environment},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            url = next((line.split()[-1] for line in process.stdout if line.startswith("ready on")), None)
            assert url, f"{module} did not start"
            yield url
        finally:
            process.terminate()
            process.communicate()
