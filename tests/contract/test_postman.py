"""The Postman collection: generated from the contract, complete, and valid for `make run`."""

import json
import subprocess
from pathlib import Path

import pytest

from scripts import postman
from tests.support import contract
from tests.support.client import ROOT
from tests.support.endpoints import Endpoint
from tests.support.runner import running

NEWMAN = ROOT / ".newman" / "node_modules" / ".bin" / "newman"


def test_the_collection_is_generated_from_the_contract() -> None:
    assert postman.COLLECTION.read_text() == postman.collection(), "run python -m scripts.postman"


def test_the_collection_has_every_operation() -> None:
    assert {step.operation for steps in postman.STORY.values() for step in steps} == contract.operations().keys()


@pytest.mark.slow
@pytest.mark.skipif(not NEWMAN.exists(), reason="newman is not installed: make postman")
def test_every_request_of_the_collection_gets_its_response(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with Endpoint() as endpoint, running(tmp_path / "data") as url:
        token = (tmp_path / "data" / "admin.token").read_text().strip()
        variables = {"broker": url, "token": token, "webhook": endpoint.url}
        options = [part for name, value in variables.items() for part in ("--env-var", f"{name}={value}")]
        command = [NEWMAN, "run", postman.COLLECTION, *options, "--reporters", "json", "--reporter-json-export", report]
        newman = subprocess.run(command, capture_output=True, text=True, check=False)
        endpoint.wait_for(1)

    run = json.loads(report.read_text())["run"]
    assert run["failures"] == []
    assert (newman.returncode, run["stats"]["assertions"]["total"]) == (0, run["stats"]["requests"]["total"])
    assert run["stats"]["requests"]["total"] == sum(map(len, postman.STORY.values()))
