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

FUZZING = ROOT / "tests" / "fuzzing"
SCHEMATHESIS = [sys.executable, "-m", "schemathesis.cli", "--config-file", FUZZING / "schemathesis.toml"]
EXAMPLES = os.environ.get("FUZZ_EXAMPLES")  # of each operation in each phase; without it a few, the same in each run


@pytest.mark.slow
def test_no_generated_request_breaks_the_contract(tmp_path: Path) -> None:
    length = ["--max-examples", EXAMPLES] if EXAMPLES else ["--generation-deterministic"]
    with Endpoint() as endpoint, running(tmp_path / "data") as url:
        token = (tmp_path / "data" / "admin.token").read_text().strip()
        [own] = requests.get(f"{url}/tokens", headers={"Authorization": f"Bearer {token}"}, timeout=30).json()["items"]
        known = {"BROKER": url, "TOKEN": token, "OWN_TOKEN": own["id"], "WEBHOOK": endpoint.url}
        run = subprocess.run(
            [*SCHEMATHESIS, "run", f"{url}/openapi.json", *length],
            cwd=tmp_path,
            env={**os.environ, **known, "SCHEMATHESIS_HOOKS": str(FUZZING / "hooks.py")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        endpoint.wait_for(1)
    tested = len(contract.operations()) - 1  # without the operation that returns the contract itself
    assert f"Tested: {tested}\n" in run.stdout
