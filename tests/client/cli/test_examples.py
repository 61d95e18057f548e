"""The examples in the help run as they are, against a broker on which they have something to do."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgbroker import Broker, NotFound
from pgbroker.types import Reject
from pgbroker.webhooks import sign
from tests.client.cli.commands import commands
from tests.client.cli.conftest import Environment
from tests.support.endpoints import Endpoint
from tests.support.runner import PATIENCE_SECONDS, until

EXAMPLES = [(names, example) for names, found in commands() for example in found.examples]
SECRET = "whsec_ZXhhbXBsZSBleGFtcGxlIGV4YW1wbGUgZXhhbXBsZSE="
BODY = '{"topic": "news", "subscription": "1", "messages": []}'


def test_each_command_has_two_examples_that_name_it() -> None:
    for names, found in commands():
        assert len(found.examples) >= 2, names
        assert all(f"pgbroker {' '.join(names)}" in example for example in found.examples), names


def arrange(broker: Broker, endpoint: Endpoint) -> Environment:
    """Make what the examples name; return the variables in them."""
    for topic in ("orders", "news", "empty", "invoices", "alerts"):
        with contextlib.suppress(NotFound):
            broker.delete_topic(topic, force=True)
    for token in broker.iterate(broker.list_tokens):
        if token.name in {"shop", "checkout", "worker"}:
            broker.revoke_token(token.id)
    broker.put_topic("empty")
    broker.mint_token("shop", ["publish"])
    broker.publish_many("orders", [{"content": {"order": n}, "key": "customer-7"} for n in range(8)])
    first, second = broker.consume("orders", max=2, lease_seconds=600)
    broker.settle("orders", reject=[Reject(first.receipt or "", "no such customer")])
    [waiting, *_] = [each for each in broker.browse_messages("orders").items if not each.receives]
    broker.subscribe("news", endpoint.url, name="archive")
    news = broker.publish("news", "good morning")
    broker.broadcast("news")
    until(lambda: not broker.list_subscriptions("news").items[0].behind)
    broker.subscribe("news", "http://127.0.0.1:7001/", name="billing")
    broker.publish("news", "hello")
    return {"ID": waiting.id, "RECEIPT": second.receipt or "", "DEAD": first.id, "NEWS": news}


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `pgbroker`, as an installation makes it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "pgbroker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pgbroker "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def shell(
    environment: Environment, broker: Broker, shim: Path, tmp_path: Path, endpoint: Endpoint
) -> Iterator[Environment]:
    """The environment of a shell in a folder with the files that the examples read."""
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "admin.token").write_text(environment["TOKEN"])
    (tmp_path / "body.json").write_text(BODY)
    variables = {**environment, "PATH": f"{shim}:{environment['PATH']}", "WEBHOOK_SECRET": SECRET}
    variables |= arrange(broker, endpoint)
    headers = sign(BODY.encode(), "msg_1", datetime.now(UTC), SECRET)
    (tmp_path / "headers.txt").write_text("".join(f"{name}: {value}\n" for name, value in headers.items()))
    stored = Path(environment["XDG_CONFIG_HOME"]) / "pgbroker"
    stored.mkdir(parents=True, mode=0o700)
    profile = f'url = "{environment["BROKER"]}"\ntoken = "{environment["TOKEN"]}"\n'
    (stored / "config.toml").write_text(
        f'default = "local"\n[profiles.local]\n{profile}[profiles.production]\n{profile}'
    )
    (stored / "config.toml").chmod(0o600)
    return variables


@pytest.mark.slow
@pytest.mark.parametrize(("names", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_an_example_runs(
    names: tuple[str, ...], example: str, shell: Environment, endpoint: Endpoint, tmp_path: Path
) -> None:
    line = example.replace("http://127.0.0.1:3000", shell["BROKER"]).replace("http://localhost:8000", endpoint.url)
    ran = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", line],
        cwd=tmp_path,
        env=shell,
        input=shell["TOKEN"] if names == ("login",) else "",
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert not re.search(r"Traceback|stale receipts", ran.stderr, re.IGNORECASE)
