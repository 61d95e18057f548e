"""The real `make run` under kill -9: what was acknowledged is there, what was settled does not come back."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.client import ADMIN_TOKEN, ROOT
from tests.local_support import until

pytestmark = pytest.mark.slow


class Runner:
    """`make run` with its data in a folder, which outlives it."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._http = requests.Session()
        self._http.headers["authorization"] = f"Bearer {ADMIN_TOKEN}"

    def start(self) -> None:
        environment = {"BROKER_PORT": "0", "BROKER_DATA": str(self._data), "BROKER_ADMIN_TOKEN": ADMIN_TOKEN}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.url = next(line.split()[-1] for line in self.process.stdout if line.startswith("ready on"))

    def post(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._http.post(f"{self.url}{path}", json=body, timeout=30)

    def processes(self, named: str = "") -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in found if named in " ".join(process.cmdline())]

    def kill_all(self) -> None:
        everything = [psutil.Process(self.process.pid), *self.processes()]
        for process in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(everything)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def take_all(self) -> list[int]:
        taken: list[int] = []
        while messages := self.post("/topics/orders/consume", {"max": 1000, "auto_ack": True}).json()["messages"]:
            taken += [message["content"] for message in messages]
        return taken


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    runner.start()
    yield runner
    runner.stop()


def publish_until_it_fails(runner: Runner, numbers: range, acknowledged: list[int]) -> None:
    with contextlib.suppress(requests.RequestException):
        for number in numbers:
            if runner.post("/topics/orders/messages", {"content": number}).status_code != 201:
                return
            acknowledged.append(number)


def test_after_everything_was_killed_a_second_start_has_every_acknowledged_message(runner: Runner) -> None:
    acknowledged: list[int] = []
    producers = [
        threading.Thread(target=publish_until_it_fails, args=(runner, range(start, start + 100_000), acknowledged))
        for start in (0, 1_000_000)
    ]
    for producer in producers:
        producer.start()
    until(lambda: len(acknowledged) >= 200)
    [settled] = runner.post("/topics/orders/consume", {"max": 1}).json()["messages"]
    assert runner.post("/topics/orders/settle", {"ack": [settled["receipt"]]}).json()["acked"] == 1

    runner.kill_all()
    for producer in producers:
        producer.join()
    runner.start()

    taken = runner.take_all()
    assert set(acknowledged) - {settled["content"]} <= set(taken)
    assert settled["content"] not in taken
    assert len(taken) == len(set(taken))


def test_postgresql_that_was_killed_comes_back_by_itself_with_every_acknowledged_message(runner: Runner) -> None:
    for number in range(20):
        assert runner.post("/topics/orders/messages", {"content": number}).status_code == 201

    for process in runner.processes("postgres"):
        process.kill()

    until(lambda: runner.post("/topics/orders/messages", {"content": 20}).status_code == 201)
    assert sorted(set(runner.take_all())) == list(range(21))


def test_a_worker_that_was_killed_is_replaced(runner: Runner) -> None:
    assert runner.post("/topics/orders/messages", {"content": 1}).status_code == 201
    for process in runner.processes("worker"):
        process.kill()
    until(lambda: runner.post("/topics/orders/messages", {"content": 2}).status_code == 201)
    assert runner.take_all() == [1, 2]
