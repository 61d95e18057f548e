"""One real broker for all tests of a worker, and topics of their own for tests."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from pgbroker import Broker
from tests.support.runner import running


@dataclass(frozen=True)
class Running:
    """The broker of `make run`, and its admin token."""

    url: str
    token: str


@pytest.fixture(scope="session")
def running_broker() -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="broker-client-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    try:
        with running(folder) as url:
            yield Running(url, (folder / "admin.token").read_text().strip())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def real_broker(running_broker: Running) -> Iterator[Broker]:
    """A client of it."""
    with Broker(running_broker.url, running_broker.token) as broker:
        yield broker


@pytest.fixture
def topic() -> str:
    """The name of a topic that no other test uses."""
    return f"orders-{uuid4()}"
