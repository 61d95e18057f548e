"""`pgbroker listen` as a process."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.support.runner import PATIENCE_SECONDS


class Listening:
    """The process, what it printed, and what it said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said = ""

    def wait_until_it_says(self, text: str) -> None:
        """Read standard error until a line has a text, which is then read."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said += line
            if text in line:
                return
        raise AssertionError(f"it ended, and had said {self.said!r}")

    def event(self) -> Any:
        """Read the next webhook that it prints."""
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.said += err
        self.rest = [json.loads(line) for line in out.splitlines()]
        return self.process.returncode

    @property
    def secret(self) -> str:
        return self.said.partition("The secret of these webhooks: ")[2].partition("\n")[0]


@contextmanager
def listening(environment: Mapping[str, str], *arguments: str) -> Iterator[Listening]:
    """Start the command, with pipes."""
    with subprocess.Popen(
        [sys.executable, "-m", "pgbroker", "listen", *arguments],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Listening(process)
        finally:
            process.kill()
