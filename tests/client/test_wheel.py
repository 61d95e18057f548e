"""The wheel of client/, installed alone in a new environment, is enough to publish."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pgbroker import Broker
from tests.support.client import ROOT

pytestmark = pytest.mark.slow

PROGRAM = """
import pgbroker
from pgbroker import Broker
from pgbroker.webhooks import verify

with Broker() as broker:
    print(broker.publish("wheel", {"from": pgbroker.__file__}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT / "client"], check=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_has_the_package_and_says_that_it_is_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"pgbroker"}
    assert "pgbroker/py.typed" in names
    sources = {str(file.relative_to(ROOT / "client")) for file in (ROOT / "client" / "pgbroker").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == sources


def test_the_wheel_alone_publishes(wheel: Path, real_broker: Broker, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    binaries = environment / "bin"
    subprocess.run(
        [binaries / "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / "requirements.lock",
         f"{wheel}[cli]"],
        check=True,
    )  # fmt: skip
    token = real_broker.mint_token("wheel", ["publish", "browse"]).token
    variables = {"BROKER": real_broker.url, "TOKEN": token, "HOME": str(tmp_path), "PATH": str(binaries)}

    def run(*command: str) -> str:
        return subprocess.run(command, env=variables, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    message_id = run("python", "-c", PROGRAM).strip()
    other_id = json.loads(run("pgbroker", "publish", "wheel", '{"from": "the command"}'))["id"]
    stored = real_broker.browse_messages("wheel").items
    assert [message.id for message in stored] == [message_id, other_id]
    assert stored[0].content["from"].startswith(str(environment))
