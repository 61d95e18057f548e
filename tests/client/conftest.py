"""One real broker for all tests of a worker, and topics of their own for tests."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from pgbroker import Broker
from tests.support.runner import running


@pytest.fixture(scope="session")
def real_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A client of `make run`."""
    data = tmp_path_factory.mktemp("broker")
    with running(data) as url, Broker(url, (data / "admin.token").read_text().strip()) as broker:
        yield broker


@pytest.fixture
def topic() -> str:
    """The name of a topic that no other test uses."""
    return f"orders-{uuid4()}"
