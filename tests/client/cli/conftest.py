"""One real broker for the folder, and the command: in this process, or as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner

from pgbroker import Broker
from pgbroker.cli.app import app
from tests.client.cli.listening import Listening, listening
from tests.support.endpoints import Endpoint
from tests.support.proxy import Proxy
from tests.support.runner import PATIENCE_SECONDS, ROOT, Running

COMMAND = [sys.executable, "-m", "pgbroker"]
Environment = dict[str, str]


@dataclass(frozen=True)
class Ran:
    """What a run of the command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """The objects that it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def item(self) -> Any:
        """The only object that it printed."""
        [item] = self.lines
        return item

    @property
    def problem(self) -> Any:
        """The problem, which is the last line of standard error."""
        return json.loads(self.err.splitlines()[-1])


@pytest.fixture
def environment(running_broker: Running, tmp_path: Path) -> Environment:
    """The environment of a process that uses the broker; its home is empty."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "client"),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "BROKER": running_broker.url,
        "TOKEN": running_broker.token,
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def run(environment: Environment) -> Callable[..., Ran]:
    """Run the command in this process: `run("topics", "ls", stdin=…, TOKEN=…)`."""

    def run(*arguments: str, stdin: str | bytes = "", **changes: str | None) -> Ran:
        runner = CliRunner(env={**dict.fromkeys(VARIABLES), **environment, **changes})
        result = runner.invoke(app, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def process(environment: Environment) -> Callable[..., Ran]:
    """Run the command as a process, without a terminal."""

    def process(*arguments: str, stdin: str = "", **changes: str) -> Ran:
        ran = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            env={**environment, **changes},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    return process


@pytest.fixture
def broker(running_broker: Running) -> Iterator[Broker]:
    """The client, to arrange and to look."""
    with Broker(running_broker.url, running_broker.token) as broker:
        yield broker


@pytest.fixture
def topic(broker: Broker) -> str:
    """A new topic with a name of its own."""
    name = f"orders-{uuid4().hex[:12]}"
    broker.put_topic(name)
    return name


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A receiver of webhooks."""
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def proxy(running_broker: Running) -> Iterator[Proxy]:
    """A proxy in front of the broker."""
    with Proxy(int(running_broker.url.rpartition(":")[2])) as proxy:
        yield proxy


@pytest.fixture
def listen(
    environment: Environment, topic: str, endpoint: Endpoint
) -> Callable[..., AbstractContextManager[Listening]]:
    """Start `pgbroker listen` for the topic and the endpoint."""

    def listen(*options: str, **changes: str) -> AbstractContextManager[Listening]:
        return listening({**environment, **changes}, topic, "--to", f"{endpoint.url}/hook", *options)

    return listen


VARIABLES = ("WEBHOOK_SECRET", "BROKER", "TOKEN", "PGBROKER_PROFILE", "NO_COLOR", "FORCE_COLOR", "TERM")
