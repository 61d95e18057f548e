"""Fixtures for pytest: `pytest_plugins = ["pgbroker.testing.plugin"]` in your conftest.py."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from pgbroker.broker import Broker
from pgbroker.testing.memory import MemoryBroker
from pgbroker.testing.running import running


@pytest.fixture
def memory_broker() -> MemoryBroker:
    """A broker in memory, for one test. Give your program its `broker()`, or its `async_broker()`."""
    return MemoryBroker()


@pytest.fixture(scope="session")
def running_broker(tmp_path_factory: pytest.TempPathFactory) -> Generator[Broker, None, None]:
    """A client of a real broker, for all tests: that of $BROKER, or one started from the checkout $PGBROKER_CHECKOUT.

    Tests that use it are skipped when neither is set.
    """
    if os.environ.get("BROKER"):
        with Broker() as broker:
            yield broker
    elif checkout := os.environ.get("PGBROKER_CHECKOUT"):
        with running(Path(checkout), tmp_path_factory.mktemp("broker")) as (url, token), Broker(url, token) as broker:
            yield broker
    else:
        pytest.skip("set BROKER and TOKEN, or PGBROKER_CHECKOUT, for a real broker")
