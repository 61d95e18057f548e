"""The real `sam deploy --guided` at a pseudo-terminal and an account in moto: Enter everywhere, to the change set."""

import json
import os
import pty
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from scripts import deploy
from tests.sam.stack import BUILT, SAM
from tests.support.client import ROOT, template

MOST_PARAMETERS = 9
ACCOUNT = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def aws() -> Iterator[str]:
    """The address of an account that used the SAM CLI before: it has the bucket that SAM makes for itself."""
    server = ThreadedMotoServer(port=0)
    server.start()
    url = f"http://localhost:{server.get_host_and_port()[1]}"  # moto reads templates of `localhost` only
    requests.post(f"{url}/moto-api/reset", timeout=60)  # what another test made
    session = boto3.Session("a", "b", region_name="us-east-1")
    session.client("s3", endpoint_url=url).create_bucket(Bucket="of-sam")
    session.client("cloudformation", endpoint_url=url).create_stack(
        StackName="aws-sam-cli-managed-default",
        TemplateBody=json.dumps(
            {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"SourceBucket": {"Value": "of-sam"}}}
        ),
        Tags=[{"Key": "ManagedStackSource", "Value": "AwsSamCli"}],
    )
    yield url
    server.stop()


def press_enter(folder: Path, url: str) -> str:
    """Run it, with Enter as each answer; return what it showed."""
    config = shutil.copy(ROOT / "samconfig.toml", folder)
    master, terminal = pty.openpty()
    command = [SAM, "deploy", "--guided", "--config-file", config, "--template", BUILT]
    environment = {**os.environ, **ACCOUNT, "AWS_ENDPOINT_URL": url, "SAM_CLI_TELEMETRY": "0"}
    with subprocess.Popen(
        command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True
    ):
        os.close(terminal)
        os.write(master, b"\n" * 50)
        shown = b""
        try:
            while some := os.read(master, 65536):
                shown += some
        except OSError:  # Linux's way to say that nobody holds the terminal any more
            pass
    os.close(master)
    return shown.decode()


def test_who_presses_enter_comes_to_the_change_set(aws: str, tmp_path: Path) -> None:
    if not BUILT.exists():
        pytest.skip("nothing is built: run `make build` first")
    shown = press_enter(tmp_path, aws)
    assert "Changeset created successfully" in shown
    asked = re.findall(r"Parameter (\w+)\S* \[", shown)
    assert asked == [*template()["Parameters"]]
    assert len(asked) <= MOST_PARAMETERS
    assert "no authentication" not in shown
    assert "Security Constraints" not in shown


def test_json_in_a_parameter_arrives_as_it_is(aws: str, tmp_path: Path) -> None:
    if not BUILT.exists():
        pytest.skip("nothing is built: run `make build` first")
    options = '{"setup": "2026-12-01 again"}'
    command = [SAM, "deploy", "--config-file", shutil.copy(ROOT / "samconfig.toml", tmp_path), "--template", BUILT]
    command += ["--no-confirm-changeset", "--parameter-overrides", deploy.override("Options", options)]
    environment = {**os.environ, **ACCOUNT, "AWS_ENDPOINT_URL": aws, "SAM_CLI_TELEMETRY": "0"}
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    cloudformation = boto3.Session("a", "b", region_name="us-east-1").client("cloudformation", endpoint_url=aws)
    [change] = cloudformation.list_change_sets(StackName="pgbroker")["Summaries"]
    found = cloudformation.describe_change_set(ChangeSetName=change["ChangeSetId"], StackName="pgbroker")
    assert {"ParameterKey": "Options", "ParameterValue": options} in found["Parameters"]
