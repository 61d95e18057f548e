"""The real `make run`, which tests kill and start again on the same data."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.support.client import ADMIN_TOKEN, ROOT, TOKEN_KEY


class Runner:
    """`make run` with its data in a folder, which stays. `settings` are variables of its environment."""

    def __init__(self, data: Path, *arguments: str, **settings: str) -> None:
        self.data = data
        self.arguments = arguments
        self._settings = settings
        self._http = open_session()

    def start(self) -> None:
        environment = {
            "BROKER_PORT": "0",
            "BROKER_DATA": str(self.data),
            "BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
            "TOKEN_KEYS": TOKEN_KEY,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local", *self.arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment, **self._settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.url = next(line.split()[-1] for line in self.process.stdout if line.startswith("ready on"))

    def post(self, path: str, body: dict[str, Any], **headers: str) -> requests.Response:
        return self._http.post(f"{self.url}{path}", json=body, headers=headers, timeout=40)

    def get(self, path: str) -> requests.Response:
        return self._http.get(f"{self.url}{path}", timeout=40)

    def patch(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._http.patch(f"{self.url}{path}", json=body, timeout=40)

    def put(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self._http.put(f"{self.url}{path}", json=body, timeout=40)

    def processes(self, word: str = "") -> list[psutil.Process]:
        """All processes that it has started, or only those with the word in their command line."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [process for process in found if word in _command(process)]

    def kill_all(self) -> None:
        everything = [psutil.Process(self.process.pid), *self.processes()]
        kill(everything)
        psutil.wait_procs(everything)
        self._wait_for_end()

    def kill_gateway(self) -> None:
        """Kill the process that started all others. They end by themselves."""
        self.process.kill()
        self._wait_for_end()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self._wait_for_end()

    def take_all(self) -> list[Any]:
        """Consume all ready messages with auto_ack; return their contents."""
        taken: list[Any] = []
        while messages := self.post("/topics/orders/consume", {"max": 1000, "auto_ack": True}).json()["messages"]:
            taken += [message["content"] for message in messages]
        return taken

    def _wait_for_end(self) -> None:
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


def open_session() -> requests.Session:
    """Open the connection of one client. It does not repeat requests."""
    http = requests.Session()
    http.headers["authorization"] = f"Bearer {ADMIN_TOKEN}"
    return http


def kill(processes: list[psutil.Process]) -> None:
    """Send SIGKILL to each process that still runs."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""
