"""What is to be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.runner import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """`make run` with a PostgreSQL of its own."""
    runner = Runner(tmp_path)
    runner.start()
    yield runner
    runner.stop()
