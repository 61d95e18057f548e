"""`python -m local` from start to stop, with small functions instead of the broker's."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import local.runner
from broker import token_format
from tests.support.client import ROOT, TOKEN_KEY, make_token
from tests.support.runner import runs, until

OTHER_KEY = "x" * 42 + "A"

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Database: {Type: String}
  Options: {Type: String}
Globals:
  Function:
    Handler: app.handler
    Runtime: python3.13
    Timeout: 30
    Environment:
      Variables:
        OWNER_DATABASE_URL: !Ref Database
        TOKEN_KEYS: !GetAtt Migrated.TokenKeys
        OPTIONS: !Ref Options
        NOTES: %s
Resources:
  Publish:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions, Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: "/"}}}}
  Maintain:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions, Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}}
  Consume:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions, Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: "/consume"}}}}
  WakeUps: {Type: AWS::SQS::Queue}
  Dispatch:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions
      Environment: {Variables: {QUEUE: !Ref WakeUps}}
      Events: {Wake: {Type: SQS, Properties: {Queue: !GetAtt WakeUps.Arn}}}
  Migrate: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions}}
"""
# records each call, and does only what the runner looks at
APP = """
import json, os, pathlib
import boto3

def handler(event, context):
    notes = pathlib.Path(os.environ["NOTES"])
    with notes.open("a") as file:
        file.write(json.dumps({"function": context.function_name, "event": event, "pid": os.getpid()}) + "\\n")
    if context.function_name == "Dispatch" and "sweep" in event["Records"][0]["body"]:
        url = os.environ["QUEUE"]
        sqs = boto3.client("sqs", endpoint_url=url.rpartition("/")[0].rpartition("/")[0])
        sqs.send_message(QueueUrl=url, MessageBody="to itself")
    return {
        "notes": ["a note"],
        "pid": os.getpid(),
        "keys": os.environ["TOKEN_KEYS"],
        "options": json.loads(os.environ["OPTIONS"]),
        "owner": os.environ["OWNER_DATABASE_URL"],
    }
"""


class Home:
    """A folder with another template and functions, in which the runner runs."""

    def __init__(self, folder):
        self.folder = folder
        self.notes = folder / "notes"
        (folder / "template.yaml").write_text(TEMPLATE % self.notes)
        (folder / "functions").mkdir()
        (folder / "functions" / "app.py").write_text(APP)
        (folder / "local").symlink_to(Path(local.runner.__file__).parent)
        self.runner = None

    def start(self, *arguments, **environment):
        """Start the runner, and return what it prints until it is ready or ends."""
        self.runner = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "BROKER_PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        for line in self.runner.stdout:
            lines.append(line)
            if line.startswith("logs:"):
                break
        return "".join(lines)

    def stop(self, number=signal.SIGTERM):
        self.runner.send_signal(number)
        self.runner.communicate()
        return self.runner.returncode

    def function_names(self):
        return [json.loads(line)["function"] for line in self.notes.read_text().splitlines()]

    def events(self, name):
        notes = map(json.loads, self.notes.read_text().splitlines())
        return [note["event"] for note in notes if note["function"] == name]

    def processes(self):
        workers = [json.loads(line)["pid"] for line in self.notes.read_text().splitlines()]
        return [*workers, int((self.folder / ".local/data/postmaster.pid").read_text().split()[0])]


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    if home.runner is not None and home.runner.poll() is None:
        home.stop()


def url_in(output):
    return re.search(r"^ready on (http://127\.0\.0\.1:\d+)$", output, re.MULTILINE)[1]


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_the_runner_prepares_the_database_serves_requests_and_leaves_no_process(home, number):
    output = home.start()
    assert home.function_names()[:2] == ["Migrate", "Maintain"]
    assert "a note\n" in output
    answer = get(url_in(output))
    token = re.search(r"^export TOKEN=(brk_[\w-]{50})$", output, re.MULTILINE)[1]
    assert home.events("Migrate") == [{"admin_token_hash": hashlib.sha256(token.encode()).hexdigest()}]
    assert token not in home.notes.read_text()
    assert token_format.verify(token, [answer["keys"]])
    assert answer["options"]["allow_private_webhooks"] is True
    assert output.count(token) == 1
    assert f"pgbroker login --url {url_in(output)}\n" in output
    assert answer["owner"] not in output
    assert answer["keys"] not in output
    processes = home.processes()

    assert home.stop(number) == 0
    assert not any(map(runs, processes))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_a_killed_runner_leaves_no_process_and_its_next_start_has_the_same_token(home):
    first = home.start()
    processes = home.processes()
    home.stop(signal.SIGKILL)
    until(lambda: not any(map(runs, processes)))

    second = home.start()
    assert re.findall("brk_.*", first) == re.findall("brk_.*", second)
    assert get(url_in(second))


@pytest.mark.slow
def test_the_runner_sends_dispatch_a_sweep_and_the_queues_deliver_what_functions_send(home):
    home.start()
    until(lambda: home.function_names().count("Dispatch") == 2)
    first, second = home.events("Dispatch")
    assert [json.loads(record["body"]) for record in first["Records"]] == [{"wake_up": {"sweep": True}}]
    assert [record["body"] for record in second["Records"]] == ["to itself"]


@pytest.mark.slow
def test_the_queues_work_with_in_process_handlers_too(home):
    home.start("--in-process", AWS_PROFILE="not-there")
    until(lambda: home.function_names().count("Dispatch") == 2)


@pytest.mark.slow
def test_handlers_can_run_in_the_process_of_the_runner(home):
    assert get(url_in(home.start("--in-process")))["pid"] == home.runner.pid


@pytest.mark.slow
def test_the_access_log_shows_requests_when_it_is_on(home):
    url = url_in(home.start(BROKER_ACCESS_LOG="1"))
    get(url)
    assert home.runner.stdout.readline().startswith("GET / 200 ")


@pytest.mark.slow
def test_the_runner_reports_a_port_that_is_in_use(home):
    port = url_in(home.start()).rpartition(":")[2]
    first = home.runner
    output = home.start(BROKER_PORT=port, BROKER_DATA=str(home.folder / "other"))
    assert output == f"port {port} is taken: stop what uses it, or set BROKER_PORT\n"
    assert home.runner.wait() == 1
    home.runner.stdout.close()
    home.runner = first


@pytest.mark.slow
def test_the_runner_reports_a_failed_migration(home):
    (home.folder / "functions/app.py").write_text("def handler(event, context): raise RuntimeError('no')")
    assert home.start().endswith("the database could not be prepared: Migrate: RuntimeError: no\n")
    assert home.runner.wait() == 1
    home.runner.stdout.close()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"BROKER_PORT": "many"}, "BROKER_PORT must be a whole number from 0 to 65535, not many\n"),
        ({"OPTIONS": "yes"}, "OPTIONS must be a JSON object: JSON is malformed: invalid character (byte 0)\n"),
        ({"TOKEN_KEYS": "secret"}, "TOKEN_KEYS must be one key, or two with a comma between them: "),
        (
            {"BROKER_ADMIN_TOKEN": make_token("s", OTHER_KEY), "TOKEN_KEYS": TOKEN_KEY},
            "BROKER_ADMIN_TOKEN was not made with this broker's key: remove it, or set TOKEN_KEYS to the key that made",
        ),
        ({"BROKER_ADMIN_TOKEN": "brk_secret"}, "BROKER_ADMIN_TOKEN was not made with this broker's key: "),
        ({"OWNER_DATABASE_URL": "x"}, "OWNER_DATABASE_URL is set, but not DATABASE_URL\n"),
    ],
)
def test_the_runner_reports_an_invalid_setting_without_secrets(home, environment, reason):
    output = home.start(**environment)
    assert output.startswith(reason)
    assert "secret" not in output
    assert "sss" not in output
    assert home.runner.wait() == 1
    home.runner.stdout.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param(
            "secret",
            "the database's URL cannot be used: it is not one that PostgreSQL understands",
            marks=pytest.mark.slow,
        ),
        ("postgresql://a:secret@127.0.0.1:1/b", "no connection to 127.0.0.1:1, database b as a: "),
    ],
)
def test_the_runner_reports_why_the_database_does_not_answer(tmp_path, url, reason):
    run = subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "BROKER_PORT": "0", "BROKER_DATA": str(tmp_path), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"the database could not be prepared: Migrate: DatabaseUnavailable: {reason}")
    assert "secret" not in run.stderr + run.stdout + (tmp_path / "log").read_text()


@pytest.mark.slow
def test_the_token_and_key_that_are_made_by_hand_are_accepted(home):
    """`python -m local.token` prints the lines that a container's environment needs."""
    command = [sys.executable, "-m", "local.token"]
    printed = subprocess.run(command, cwd=home.folder, env={}, capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=") for line in printed.splitlines())
    assert variables.keys() == {"TOKEN_KEYS", "BROKER_ADMIN_TOKEN"}

    answer = get(url_in(home.start(**variables)))

    assert answer["keys"] == variables["TOKEN_KEYS"]
    token = variables["BROKER_ADMIN_TOKEN"]
    assert home.events("Migrate") == [{"admin_token_hash": hashlib.sha256(token.encode()).hexdigest()}]


NOTICE = (
    "private webhooks are refused, because this listens on 0.0.0.0:"
    ' OPTIONS={"allow_private_webhooks": true} allows them'
)


@pytest.mark.parametrize(
    ("host", "given", "expected", "printed"),
    [
        ("127.0.0.1", {}, True, ""),
        ("127.0.0.2", {}, True, ""),
        ("0.0.0.0", {}, False, f"{NOTICE}\n"),
        ("0.0.0.0", {"allow_private_webhooks": True}, True, ""),
        ("127.0.0.1", {"allow_private_webhooks": False}, False, ""),
    ],
)
def test_private_webhooks_are_allowed_on_loopback_or_when_the_options_say_so(capsys, host, given, expected, printed):
    with socket.create_server((host, 0)) as listener:
        options = local.runner._with_private_webhooks({**given, "setup": "2"}, listener)
    assert options == {"allow_private_webhooks": expected, "setup": "2"}
    assert capsys.readouterr().out == printed


@pytest.mark.slow
def test_the_runner_says_that_private_webhooks_are_refused_while_it_listens_on_all_addresses(home):
    output = home.start(BROKER_HOST="0.0.0.0")
    assert output.count(NOTICE) == 1
    assert get(url_in(output))["options"] == {"allow_private_webhooks": False}
