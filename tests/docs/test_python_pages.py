"""The pages of the Python client: the reference is that of the code, and the examples run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgbroker import Broker
from scripts import python_reference
from tests.docs.test_pages import blocks
from tests.support.client import ROOT
from tests.support.runner import running, until

WORKER = ROOT / "docs" / "how-to" / "run-a-worker.md"


def test_the_reference_is_generated_from_the_code() -> None:
    assert python_reference.PAGE.read_text() == python_reference.page(), "run python -m scripts.python_reference"


@pytest.mark.slow
def test_the_worker_works_and_its_test_passes(tmp_path: Path) -> None:
    worker, test = blocks(WORKER.read_text(), "py")
    [example] = blocks((ROOT / "client" / "README.md").read_text(), "py")
    with running(tmp_path) as url, Broker(url, (tmp_path / "admin.token").read_text().strip()) as broker:
        token = broker.mint_token("worker", ["publish", "consume"]).token
        environment = {**os.environ, "BROKER": url, "TOKEN": token, "PYTHONPATH": str(ROOT / "client")}
        for content in ({"order": 1, "total": "19.90"}, {"order": 2}, {"order": -1}, "no order"):
            broker.publish("orders", content)
        for program, ends in ((worker, {"shipped 1", "shipped 2"}), (example, {"shipping order 1"})):
            with subprocess.Popen(
                [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout
                assert {process.stdout.readline().strip() for _ in ends} == ends
                until(lambda: broker.read_topic("orders").queue.waiting == 0)
                process.terminate()
            assert process.returncode == 0
        reasons = [message.reason for message in broker.list_dead_letters("orders").items]
    assert sorted(reasons) == ["content: Expected `object`, got `str`", "no such order"]
    definitions = worker.partition("logging.basicConfig")[0]
    tested = subprocess.run(
        [sys.executable, "-c", definitions + test], env=environment, capture_output=True, text=True, check=True
    )
    assert tested.stdout == "rejected: no such order\n"
