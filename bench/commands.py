"""How long the command line takes to start, and how fast it publishes lines."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import servers
from bench.measure import Bench, Figures, alternate, seconds
from bench.starts import ROOT, runner

COMMAND = [sys.executable, "-m", "pgbroker"]
LINE_BYTES = 200


def help_(bench: Bench) -> Figures:
    """`pgbroker --help` in a new process; against a bare Python, `python -I -c pass`."""
    ours = partial(_run, [*COMMAND, "--help"], _environment())
    reference = partial(_run, [sys.executable, "-I", "-c", "pass"], {})
    return alternate(ours, reference, bench.rounds(31))


def publish_lines(bench: Bench) -> Figures:
    """`pgbroker publish --lines --file` with 1,000,000 lines of 200 bytes, to `make run`, which shares the cores: lines a second, from the start of the process to its end."""
    count = bench.rounds(1_000_000)
    with (
        tempfile.TemporaryDirectory(prefix="broker-bench-", ignore_cleanup_errors=True) as folder,
        servers.create_broker_database(bench.server, "broker_bench_lines") as database,
        runner("local", database, folder) as url,
    ):
        file = Path(folder) / "lines.ndjson"
        with file.open("w") as lines:
            lines.writelines(f'{{"order": {number:>{LINE_BYTES - 12}}}}\n' for number in range(count))
        environment = {**_environment(), "BROKER": url, "TOKEN": servers.ADMIN_TOKEN}
        command = [*COMMAND, "publish", "lines", "--lines", "--file", str(file)]
        started = time.perf_counter()
        # a small process between: what Linux counts begins with the memory of the process that started it
        measured = [sys.executable, "-I", str(ROOT / "bench" / "peak.py"), *command]
        printed = subprocess.run(measured, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        took = time.perf_counter() - started
    megabytes, cpu = printed.splitlines()[-1].split()
    return Figures(
        count / took, remark=f"{count:,} lines; the process used at most {megabytes} MB, and {cpu} s of CPU."
    )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONPATH": str(ROOT / "client")}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the milliseconds from the start of a program to its end."""
    return 1000 * seconds(partial(subprocess.run, command, env=environment, check=True, stdout=subprocess.DEVNULL))
