import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import local.runner
from tests.support.runner import runs, until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  DatabaseUrl: {Type: String}
  OwnerDatabaseUrl: {Type: String}
  AdminToken: {Type: String}
  AllowPrivateWebhooks: {Type: String}
Globals:
  Function:
    Handler: app.handler
    Runtime: python3.13
    Environment:
      Variables:
        OWNER_DATABASE_URL: !Ref OwnerDatabaseUrl
        ADMIN_TOKEN: !Ref AdminToken
        NOTES: %s
Resources:
  Publish:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions, Events: {Get: {Type: HttpApi, Properties: {Method: GET, Path: "/"}}}}
  Maintain:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions, Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}}
  Consume: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions}}
  WakeUps: {Type: AWS::SQS::Queue}
  Dispatch:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions
      Environment: {Variables: {QUEUE: !Ref WakeUps}}
      Events: {Wake: {Type: SQS, Properties: {Queue: !GetAtt WakeUps.Arn}}}
  Migrate: {Type: AWS::Serverless::Function, Properties: {CodeUri: functions}}
"""
# notes that it was called, and does of each function only what the runner looks at
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
        "token": os.environ["ADMIN_TOKEN"],
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
        """Start the runner and return what it says until it is ready."""
        self.runner = subprocess.Popen(
            [sys.executable, "-m", "local", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "BROKER_PORT": "0", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        for line in self.runner.stdout:
            said.append(line)
            if line.startswith("logs:"):
                break
        return "".join(said)

    def stop(self, number=signal.SIGTERM):
        self.runner.send_signal(number)
        self.runner.communicate()
        return self.runner.returncode

    def called(self):
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


def url_in(said):
    return re.search(r"^ready on (http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)[1]


def ask(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prepares_the_database_answers_and_leaves_nothing_behind(home, number):
    said = home.start()
    assert home.called()[:2] == ["Migrate", "Maintain"]
    assert "a note\n" in said
    answer = ask(url_in(said))
    token = re.search(r"^export TOKEN=(brk_[\w-]{43})$", said, re.MULTILINE)[1]
    assert answer["token"] == token
    assert said.count(token) == 1
    assert answer["owner"] not in said
    processes = home.processes()

    assert home.stop(number) == 0
    assert not any(map(runs, processes))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_a_killed_runner_leaves_nothing_behind_and_starts_again_with_the_same_token(home):
    first = home.start()
    processes = home.processes()
    home.stop(signal.SIGKILL)
    until(lambda: not any(map(runs, processes)))

    second = home.start()
    assert re.findall("brk_.*", first) == re.findall("brk_.*", second)
    assert ask(url_in(second))


@pytest.mark.slow
def test_it_wakes_dispatch_at_start_and_what_a_function_sends_to_a_queue_arrives(home):
    home.start()
    until(lambda: home.called().count("Dispatch") == 2)
    first, second = home.events("Dispatch")
    assert [json.loads(record["body"]) for record in first["Records"]] == [{"wake_up": {"sweep": True}}]
    assert [record["body"] for record in second["Records"]] == ["to itself"]


@pytest.mark.slow
def test_queues_are_played_in_the_runners_own_process_too(home):
    home.start("--in-process", AWS_PROFILE="not-there")
    until(lambda: home.called().count("Dispatch") == 2)


@pytest.mark.slow
def test_handlers_can_run_in_the_runners_own_process(home):
    assert ask(url_in(home.start("--in-process")))["pid"] == home.runner.pid


@pytest.mark.slow
def test_requests_are_shown_when_wished(home):
    url = url_in(home.start(BROKER_ACCESS_LOG="1"))
    ask(url)
    assert home.runner.stdout.readline().startswith("GET / 200 ")


@pytest.mark.slow
def test_a_taken_port_is_said(home):
    port = url_in(home.start()).rpartition(":")[2]
    first = home.runner
    said = home.start(BROKER_PORT=port, BROKER_DATA=str(home.folder / "other"))
    assert said == f"port {port} is taken: stop what uses it, or set BROKER_PORT\n"
    assert home.runner.wait() == 1
    home.runner.stdout.close()
    home.runner = first


@pytest.mark.slow
def test_a_failed_migration_is_said(home):
    (home.folder / "functions/app.py").write_text("def handler(event, context): raise RuntimeError('no')")
    assert home.start().endswith("the database could not be prepared: Migrate: RuntimeError: no\n")
    assert home.runner.wait() == 1
    home.runner.stdout.close()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"BROKER_PORT": "many"}, "BROKER_PORT must be a whole number from 0 to 65535, not many\n"),
        ({"OWNER_DATABASE_URL": "x"}, "OWNER_DATABASE_URL is set, but not DATABASE_URL\n"),
        ({"DATABASE_URL": "secret"}, "the database's URL is not one that PostgreSQL understands\n"),
        ({"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/b"}, "the database does not answer: "),
    ],
)
def test_a_setting_that_makes_no_sense_is_said_without_secrets(home, environment, reason):
    said = home.start(**environment)
    assert said.startswith(reason)
    assert "secret" not in said
    assert home.runner.wait() == 1
    home.runner.stdout.close()
