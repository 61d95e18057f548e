"""How much memory the process of a function uses."""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

import psutil

from bench import functions, servers
from bench.measure import Bench, Figures
from local.functions import process
from local.functions.worker import ANSWER, REQUEST
from local.template.template import Function

EARLY, LATE = 1_000, 10_000


def memory(bench: Bench) -> Figures:
    """Resident memory of the worker process of the publish function, after 10,000 requests of 1 KB that it gets without HTTP."""
    return Figures(statistics.median(late for _, late in _measurements(bench)))


def growth(bench: Bench) -> Figures:
    """Resident memory of the worker process of the publish function, after 10,000 requests of 1 KB that it gets without HTTP; against after 1,000 requests."""
    early, late = zip(*_measurements(bench), strict=True)
    return Figures(statistics.median(late), statistics.median(early))


@cache
def _measurements(bench: Bench) -> list[tuple[float, float]]:
    """Return the MB of new workers after the early and after the late request. Measured once, for both rows."""
    return [_measure(bench) for _ in range(bench.rounds(3))]


def _measure(bench: Bench) -> tuple[float, float]:
    early, late = bench.rounds(EARLY), bench.rounds(LATE)
    with servers.create_broker_database(bench.server, "broker_bench"), _worker() as worker:
        worker.publish(0, early)
        early_megabytes = worker.megabytes()
        worker.publish(early, late)
        return early_megabytes, worker.megabytes()


class _Worker:
    def __init__(self, pid: int, channel: socket.socket, stream: BinaryIO) -> None:
        self._pid = pid
        self._channel = channel
        self._stream = stream

    def publish(self, first: int, end: int) -> None:
        """Publish messages, each with a different content."""
        for nth in range(first, end):
            content = json.dumps({"content": {"nth": nth, "text": "x" * 1000}})
            event = json.dumps(functions.event(functions.PUBLISH, "orders", content)).encode()
            deadline_ms = int(time.time() * 1000) + 28_000
            self._channel.sendall(
                REQUEST.pack(len(event), functions.Context.aws_request_id.encode(), deadline_ms) + event
            )
            length, is_response = ANSWER.unpack(self._stream.read(ANSWER.size))
            response = json.loads(self._stream.read(length))
            assert is_response, response
            assert response["statusCode"] == 201, response

    def megabytes(self) -> float:
        resident: int = psutil.Process(self._pid).memory_info().rss
        return resident / 1e6


@contextlib.contextmanager
def _worker() -> Iterator[_Worker]:
    """Start the worker process that `make run` starts for the publish function, with the settings of this environment."""
    our_end, worker_end = socket.socketpair()
    names = ("DATABASE_URL", "TOKEN_KEYS", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE")
    function = Function(
        "Publish",
        functions.ROOT / "functions" / "publish",
        "app.handler",
        (functions.ROOT / "layers" / "broker",),
        timeout_seconds=28,
        memory_mb=512,
        environment={name: os.environ[name] for name in names} | {"DISPATCH_QUEUE_URL": "http://127.0.0.1/unused"},
    )
    command = [sys.executable, "-m", "local.functions.worker", str(os.getpid()), *map(str, function.layers)]
    with (
        our_end,
        our_end.makefile("rb") as stream,
        worker_end,
        subprocess.Popen(
            command,
            cwd=functions.ROOT,
            env=process.environment(function),
            stdin=worker_end.fileno(),
            stdout=subprocess.DEVNULL,
        ) as child,
    ):
        try:
            yield _Worker(child.pid, our_end, stream)
        finally:
            child.kill()
