"""One real broker for all tests of a worker, and topics of their own for tests."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from pgbroker import Broker
from tests.support import folders
from tests.support.runner import Running, started


@pytest.fixture(scope="session")
def running_broker() -> Iterator[Running]:
    """The broker of `make run`."""
    with folders.for_data("broker-client-") as folder, started(folder) as broker:
        yield broker


@pytest.fixture(scope="session")
def real_broker(running_broker: Running) -> Iterator[Broker]:
    """A client of it."""
    with Broker(running_broker.url, running_broker.token) as broker:
        yield broker


@pytest.fixture
def topic() -> str:
    """The name of a topic that no other test uses."""
    return f"orders-{uuid4()}"
