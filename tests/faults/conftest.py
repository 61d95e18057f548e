"""The processes that the tests kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.runner import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """`make run` with its own PostgreSQL."""
    runner = Runner(tmp_path)
    runner.start()
    yield runner
    runner.stop()
