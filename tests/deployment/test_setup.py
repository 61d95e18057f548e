"""Setup: the answer to CloudFormation, with secrets in moto, the real Migrate and Maintain, and a local receiver."""

import io
import json
import re
import subprocess

import psycopg
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from broker import admission, authorization, settings, setup, token_format
from broker.schema import roles
from tests.deployment import account
from tests.deployment.cloudformation import CloudFormation
from tests.support.client import ROOT, Context, app

PAGE = (ROOT / "docs/how-to/rotate-a-secret.md").read_text()

DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "a secret"}}, "Invoke")


@pytest.fixture
def cloudformation():
    with CloudFormation() as found:
        yield found


class Lambda:
    """Invokes the real functions in this process, and notes which; `failure` is raised or answered instead.

    Before that each of `failures` is raised once.
    """

    def __init__(self):
        self.invoked = []
        self.failure = None
        self.failures = []

    def invoke(self, FunctionName, Payload, InvocationType="RequestResponse"):  # noqa: N803  the names are those of boto3
        self.invoked.append(FunctionName)
        if self.failures:
            raise self.failures.pop()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(self.failure).encode())}
        answer = app(FunctionName.lower()).handler(json.loads(Payload), Context())
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def functions(monkeypatch):
    return Lambda()


@pytest.fixture
def secrets(monkeypatch, functions, owner):
    """The stack's two secrets, as CloudFormation makes them."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        manager = account.client("secretsmanager")
        arns = {name: manager.create_secret(Name=name, SecretString="{}")["ARN"] for name in ("setup", "login")}
        for variable, value in {
            "MIGRATE_FUNCTION": "Migrate",
            "MAINTAIN_FUNCTION": "Maintain",
            "SETUP_SECRET_ARN": arns["setup"],
            "LOGIN_SECRET_ARN": arns["login"],
        }.items():
            monkeypatch.setenv(variable, value)
        settings.current.cache_clear()
        clients = {"lambda": functions, "secretsmanager": manager}
        monkeypatch.setattr(setup, "_client", clients.__getitem__)
        monkeypatch.setattr(admission, "SECONDS", 0)
        monkeypatch.setattr(admission, "PAUSE_SECONDS", 0)
        yield lambda name: json.loads(manager.get_secret_value(SecretId=name)["SecretString"])
    settings.current.cache_clear()


@pytest.fixture
def run(cloudformation, secrets):
    """Send Setup an event, and return the one answer that CloudFormation has got."""

    def send(kind="Create", **properties):
        cloudformation.answers.clear()
        event = {
            "RequestType": kind,
            "ResponseURL": cloudformation.url,
            "StackId": "arn:stack",
            "RequestId": "request",
            "LogicalResourceId": "Migrated",
            "ResourceType": "Custom::Migrated",
            "ResourceProperties": {"ServiceToken": "arn:setup", "ReservedConcurrency": "0", **properties},
        }
        assert app("setup").handler(event, Context()) is None
        [answer] = cloudformation.answers
        return answer

    return send


def test_a_new_stack_gets_its_secrets_its_schema_and_its_login(run, secrets, functions, owner):
    answer = run()
    kept = secrets("setup")
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"] == {"TokenKeys": kept["token_keys"]}
    assert answer["NoEcho"] is True
    assert functions.invoked == ["Migrate", "Maintain"]
    assert owner.execute("SELECT hash FROM tokens WHERE name = 'admin'").fetchone() == (
        authorization.digest(kept["admin_token"]),
    )
    with psycopg.connect(secrets("login")["url"]) as connection:
        assert connection.info.user == roles.name("functions", owner)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT FROM broker.messages")


def test_an_answer_has_what_cloudformation_asks_for(run, cloudformation):
    answer = run()
    asked = ("StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId", "type", "path")
    assert [answer[name] for name in asked] == [
        "arn:stack",
        "request",
        "Migrated",
        "pgbroker-schema",
        "",
        "/answer?signature=x%2F",
    ]


def test_an_update_changes_no_secret_and_runs_no_maintenance(run, secrets, functions):
    run()
    before = secrets("setup"), secrets("login")
    functions.invoked.clear()
    assert run("Update")["PhysicalResourceId"] == "pgbroker-schema"
    assert (secrets("setup"), secrets("login")) == before
    assert functions.invoked == ["Migrate"]


def test_a_second_key_is_kept_and_a_replaced_one_brings_a_new_admin_token(run, secrets):
    run()
    first = secrets("setup")
    new = token_format.new_key()
    account.client("secretsmanager").put_secret_value(
        SecretId="setup", SecretString=json.dumps({**first, "token_keys": f"{new},{first['token_keys']}"})
    )
    assert run("Update")["Data"] == {"TokenKeys": f"{new},{first['token_keys']}"}
    assert secrets("setup")["admin_token"] == first["admin_token"]
    account.client("secretsmanager").put_secret_value(
        SecretId="setup", SecretString=json.dumps({**first, "token_keys": new})
    )
    run("Update")
    assert token_format.verify(secrets("setup")["admin_token"], [new])


@pytest.fixture
def rotate(run, secrets, tmp_path):
    """Change the secret by the line under a heading of the page, and run Setup."""

    def change(heading, *, line=0):
        _, _, section = PAGE.partition(f"### {heading}\n")
        command = re.findall(r"^python3 .*$", section, re.MULTILINE)[line]
        file = tmp_path / "secret.json"
        file.write_text(json.dumps(secrets("setup")))
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
        account.client("secretsmanager").put_secret_value(SecretId="setup", SecretString=file.read_text())
        assert run("Update", Options=f"{heading}{line}")["Status"] == "SUCCESS"

    return change


@pytest.mark.slow
def test_the_admin_token_is_rotated_as_the_page_says(run, rotate, secrets, owner):
    run()
    before = secrets("setup")
    rotate("The admin token")
    after = secrets("setup")
    assert after["admin_token"] != before["admin_token"]
    assert {**after, "admin_token": "", "last_success": ""} == {**before, "admin_token": "", "last_success": ""}
    hashes = owner.execute("SELECT hash FROM tokens WHERE name = 'admin'").fetchall()
    assert hashes == [(authorization.digest(after["admin_token"]),)]


@pytest.mark.slow
def test_the_functions_password_is_rotated_as_the_page_says(run, rotate, secrets):
    run()
    before = secrets("login")["url"]
    rotate("The functions' password")
    psycopg.connect(secrets("login")["url"]).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(before)


@pytest.mark.slow
def test_the_key_of_the_tokens_is_rotated_as_the_page_says(run, rotate, secrets):
    run()
    [old] = token_format.read_keys(secrets("setup")["token_keys"])
    admin = secrets("setup")["admin_token"]
    rotate("The key of the tokens")
    new, kept = token_format.read_keys(secrets("setup")["token_keys"])
    assert (kept, secrets("setup")["admin_token"]) == (old, admin)
    rotate("The key of the tokens", line=1)
    assert token_format.read_keys(secrets("setup")["token_keys"]) == (new,)
    assert token_format.verify(secrets("setup")["admin_token"], [new])


def test_the_removal_of_a_stack_touches_nothing(run, functions, secrets):
    assert run("Delete")["Status"] == "SUCCESS"
    assert functions.invoked == []
    assert secrets("setup") == {}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ({"errorType": "DatabaseUnavailable", "errorMessage": "no such host"}, "Migrate: no such host"),
        ({"errorMessage": "Task timed out after 740.00 seconds"}, "Migrate: Task timed out after 740.00 seconds"),
        ({"errorType": "Runtime.ExitError"}, "Migrate failed: Runtime.ExitError"),
        (ReadTimeoutError(endpoint_url="https://lambda"), "Migrate did not answer in time"),
        (RuntimeError("a secret"), "RuntimeError: the log of Setup says where"),
        (DENIED, "ClientError AccessDeniedException: the log of Setup says where"),
    ],
)
def test_what_goes_wrong_is_the_reason_that_who_deploys_sees(run, functions, failure, reason):
    functions.failure = failure
    answer = run()
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith(reason)
    assert "secret" not in answer["Reason"]


def test_setup_asks_again_while_iam_does_not_know_its_new_role(run, functions, monkeypatch):
    monkeypatch.setattr(admission, "SECONDS", 60)
    functions.failures = [DENIED, DENIED]
    assert run()["Status"] == "SUCCESS"
    assert functions.invoked == ["Migrate"] * 3 + ["Maintain"]


def test_a_return_to_the_version_before_succeeds_on_the_newer_schema(run, functions, secrets):
    keys = run()["Data"]
    functions.failure = {"errorType": "SchemaIsNewer", "errorMessage": "the schema has version 99"}
    answer = run("Update")
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", keys)


def test_a_new_stack_of_an_older_version_is_refused(run, functions, secrets):
    functions.failure = {"errorType": "SchemaIsNewer", "errorMessage": "the schema has version 99"}
    answer = run()
    assert answer["Status"] == "FAILED"
    assert "migrated by a newer version" in answer["Reason"]


@pytest.mark.parametrize("keys", ["a, b", "short", "{0},{0},{0}", "{0}, {0}"])
def test_keys_that_the_functions_would_refuse_are_refused_before_them(run, functions, secrets, keys):
    run()
    kept = secrets("setup")
    changed = {**kept, "token_keys": keys.format(kept["token_keys"])}
    account.client("secretsmanager").put_secret_value(SecretId="setup", SecretString=json.dumps(changed))
    functions.invoked.clear()
    answer = run("Update", Layer="new")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("token_keys in the secret SetupSecret: TOKEN_KEYS must be one key, or two")
    assert (functions.invoked, secrets("setup")) == ([], changed)


@pytest.mark.parametrize("failure", [{"errorType": "DatabaseUnavailable"}, RuntimeError()])
def test_a_failed_update_goes_back_although_the_database_is_still_away(run, functions, secrets, failure):
    before = run(Layer="old")["Data"]
    functions.failure = failure
    assert run("Update", Layer="new")["Status"] == "FAILED"
    answer = run("Update", Layer="old")  # CloudFormation's next event
    assert (answer["Status"], answer.get("Data")) == ("SUCCESS", before)
    assert run("Update", Layer="newer")["Status"] == "FAILED"


@pytest.mark.slow
def test_an_update_with_keys_that_cannot_be_used_goes_back_to_those_before(run, secrets):
    before = run(Layer="old")["Data"]
    changed = {**secrets("setup"), "token_keys": "a, b"}
    account.client("secretsmanager").put_secret_value(SecretId="setup", SecretString=json.dumps(changed))
    assert run("Update", Layer="new")["Status"] == "FAILED"
    assert run("Update", Layer="old")["Data"] == before


def test_more_reserved_executions_than_connections_are_refused(run, secrets):
    answer = run(ReservedConcurrency="1000")
    assert answer["Status"] == "FAILED"
    assert "lets the functions open 5008 connections" in answer["Reason"]
    assert run("Update", ReservedConcurrency="10")["Status"] == "SUCCESS"


def test_an_answer_that_cloudformation_refuses_is_given_again(run, cloudformation):
    cloudformation.refuses = True
    with pytest.raises(ConnectionError, match="403"):  # Lambda then invokes Setup again
        run("Delete")
