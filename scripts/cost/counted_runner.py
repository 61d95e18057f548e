"""`make run` that also notes each invocation, and each request to SQS, in the file that COST_EVENTS names.

Linux only: it reads the CPU time of the processes from /proc.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from local import runner
from local.functions import pool
from local.functions.process import Process
from local.queues import endpoint
from local.template.template import Function
from scripts.cost.events import Event, Invocation, Sent


class CountedProcess(Process):
    """A worker process whose invocations are noted."""

    def __init__(self, function: Function, log: BinaryIO) -> None:
        super().__init__(function, log)
        self._pid = self._process.pid

    async def invoke(self, event: bytes) -> bytes:
        """Run the function, and note it."""
        cpu, delay = _usage(self._pid)
        started = time.monotonic()
        answer = await super().invoke(event)
        duration = time.monotonic() - started
        _note(Invocation(self.function.name, self._pid, len(event), duration, cpu, delay))
        return answer


class CountedEndpoint(endpoint.Endpoint):
    """The SQS endpoint, which notes what is sent to it."""

    def _handle(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        _note(Sent(json.loads(body)["QueueUrl"].rpartition("/")[2], len(body)))
        return super()._handle(headers, body)


def _usage(pid: int) -> tuple[float, float]:
    """Return the seconds for which a process had a core, and waited for one. All its threads count."""
    lines = [file.read_text().split() for file in Path(f"/proc/{pid}/task").glob("*/schedstat")]
    cpu, delay = (sum(int(line[column]) for line in lines) / 1e9 for column in (0, 1))
    return cpu, delay


def _note(event: Event) -> None:
    with Path(os.environ["COST_EVENTS"]).open("ab") as file:
        file.write(msgspec.json.encode(event) + b"\n")


if __name__ == "__main__":
    pool.Process = CountedProcess  # type: ignore[attr-defined]
    endpoint.Endpoint = CountedEndpoint  # type: ignore[misc]
    sys.exit(runner.main(sys.argv[1:]))
