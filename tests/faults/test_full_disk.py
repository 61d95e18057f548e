"""A full disk under `make run`: no answer is a false one, and once there is room all goes on by itself."""

import base64
import contextlib
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.runner import Runner
from tests.support.runner import until

DISK_MIB = 192
ROOM = 4 * 1024 * 1024  # octets that are left when it begins to be full
REFUSALS = 20  # after so many it is full
MOST = 2000  # messages, which are more than the disk holds
FILLING = base64.b64encode(random.Random(0).randbytes(75_000)).decode()  # which PostgreSQL cannot compress much
PIECE = b"\0" * 65536


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave room for a few messages."""
        with self._filler.open("wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(PIECE):
                    pass
            filler.truncate(filler.tell() - ROOM)

    def empty(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root on Linux only")
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def start(disk: Disk) -> Iterator[Callable[[Path], Runner]]:
    """Start a runner with its data in a folder; the disk is unmounted after it has stopped."""
    with contextlib.ExitStack() as stack:

        def start(data: Path) -> Runner:
            runner = Runner(data)
            runner.start()
            stack.callback(runner.stop)
            return runner

        yield start


def publish(runner: Runner, number: int) -> requests.Response:
    body = {"content": number, "attributes": {"filling": FILLING}}
    return runner.post("/topics/orders/messages", body, **{"idempotency-key": f"number-{number}"})


def go_through(runner: Runner, disk: Disk) -> None:
    """Publish until the disk is full, and for a while longer; then make room, and look at what is there."""
    told = [publish(runner, 0)]
    disk.fill()
    while Counter(answer.ok for answer in told)[False] < REFUSALS:
        assert len(told) < MOST, "the disk is not full"
        told.append(publish(runner, len(told)))
    acknowledged = {number for number, answer in enumerate(told) if answer.ok}
    print(f"\nfull disk: {dict(Counter(answer.status_code for answer in told))}")

    disk.empty()
    until(lambda: publish(runner, MOST).status_code == 201)
    taken = runner.take_all()
    print(f"of {len(acknowledged)} acknowledged until there was room again, {len(acknowledged - set(taken))} lost")

    assert acknowledged | {MOST} <= set(taken)
    assert len(taken) == len(set(taken))
    for answer in told:
        assert answer.status_code in {201, 503}, answer.text
        assert answer.ok or int(answer.headers["retry-after"]) > 0
        assert answer.ok or answer.json()["type"] == "urn:pgbroker:problem:database-unavailable"


def test_a_disk_that_is_full(disk: Disk, start: Callable[[Path], Runner]) -> None:
    go_through(start(disk.folder), disk)


def test_a_full_disk_under_the_write_ahead_log_alone(
    disk: Disk, start: Callable[[Path], Runner], tmp_path: Path
) -> None:
    data = tmp_path / "broker"
    first = Runner(data)
    first.start()
    first.stop()
    log = data / "data" / "pg_wal"
    subprocess.run(["cp", "-a", str(log), str(disk.folder)], check=True)
    log.rename(data / "pg_wal.before")
    log.symlink_to(disk.folder / "pg_wal")

    go_through(start(data), disk)
