"""A full disk under `make run`: every response is true, and once there is room the broker goes on by itself."""

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
FREE_BYTES = 4 * 1024 * 1024  # when publishing begins
REFUSALS = 20  # after so many the disk counts as full
MAX_MESSAGES = 2000  # more than the disk can hold
FILLING = base64.b64encode(random.Random(0).randbytes(75_000)).decode()  # PostgreSQL cannot compress it much
CHUNK = b"\0" * 65536


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Fill the disk, but leave room for a few messages."""
        with self._filler.open("wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(CHUNK):
                    pass
            filler.truncate(filler.tell() - FREE_BYTES)

    def empty(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def start(disk: Disk) -> Iterator[Callable[[Path], Runner]]:
    """Start a runner with its data in a folder. It stops before the disk is unmounted."""
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


def publish_until_full(runner: Runner, disk: Disk) -> None:
    """Publish until the disk is full and for a while longer, make room, and check the responses and the messages."""
    responses = [publish(runner, 0)]
    disk.fill()
    while Counter(response.ok for response in responses)[False] < REFUSALS:
        assert len(responses) < MAX_MESSAGES, "the disk is not full"
        responses.append(publish(runner, len(responses)))
    acknowledged = {number for number, response in enumerate(responses) if response.ok}
    print(f"\nfull disk: {dict(Counter(response.status_code for response in responses))}")

    disk.empty()
    until(lambda: publish(runner, MAX_MESSAGES).status_code == 201)
    taken = runner.take_all()
    print(f"of {len(acknowledged)} acknowledged before there was room again, {len(acknowledged - set(taken))} lost")

    assert acknowledged | {MAX_MESSAGES} <= set(taken)
    assert len(taken) == len(set(taken))
    for response in responses:
        assert response.status_code in {201, 503}, response.text
        assert response.ok or int(response.headers["retry-after"]) > 0
        assert response.ok or response.json()["type"] == "urn:pgbroker:problem:database-unavailable"


def test_no_acknowledged_message_is_lost_when_the_disk_is_full(disk: Disk, start: Callable[[Path], Runner]) -> None:
    publish_until_full(start(disk.folder), disk)


def test_no_acknowledged_message_is_lost_when_the_disk_of_the_write_ahead_log_is_full(
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

    publish_until_full(start(data), disk)
