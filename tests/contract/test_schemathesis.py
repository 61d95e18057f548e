"""Generated requests: schemathesis derives them from the contract that `make run` serves, and checks the responses.

tests/fuzzing/ says what it needs beyond the contract, and what it does not check. `make fuzz` runs longer.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support import contract
from tests.support.client import ROOT
from tests.support.endpoints import Endpoint
from tests.support.runner import running
from tests.support.soak import SOAK, TWENTIETH, share

FUZZING = ROOT / "tests" / "fuzzing"
SCHEMATHESIS = [sys.executable, "-m", "schemathesis.cli", "--config-file", FUZZING / "schemathesis.toml"]
WHOLE = 100  # examples of each operation in each phase; a twentieth of them are the same in each run


def send_requests(endpoint: Endpoint, tmp_path: Path, *options: str) -> str:
    """Run schemathesis against `make run`, and return what it printed. It must find nothing."""
    with running(tmp_path / "data") as url:
        token = (tmp_path / "data" / "admin.token").read_text().strip()
        tokens = requests.get(f"{url}/tokens", headers={"Authorization": f"Bearer {token}"}, timeout=30).json()["items"]
        [own] = [each for each in tokens if each["name"] == "admin"]  # the console has one too
        known = {"BROKER": url, "TOKEN": token, "OWN_TOKEN": own["id"], "WEBHOOK": endpoint.url}
        run = subprocess.run(
            [*SCHEMATHESIS, "run", f"{url}/openapi.json", *options],
            cwd=tmp_path,
            env={**os.environ, **known, "SCHEMATHESIS_HOOKS": str(FUZZING / "hooks.py")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.slow
def test_no_example_in_the_contract_breaks_it(endpoint: Endpoint, tmp_path: Path) -> None:
    printed = send_requests(endpoint, tmp_path, "--phases", "examples", "--warnings", "off")
    assert "No issues found" in printed


@pytest.mark.slow
@pytest.mark.soak
def test_no_generated_request_breaks_the_contract(endpoint: Endpoint, tmp_path: Path) -> None:
    length = ["--max-examples", str(share(WHOLE))] if SOAK > TWENTIETH else ["--generation-deterministic"]
    printed = send_requests(endpoint, tmp_path, *length)
    endpoint.wait_for(1)
    tested = len(contract.operations()) - 1  # without the operation that returns the contract itself
    assert f"Tested: {tested}\n" in printed
