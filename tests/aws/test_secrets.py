"""Secrets: which forms a database's URL may have in one, and what is said when it cannot be read."""

import json

import pytest
from psycopg.conninfo import conninfo_to_dict

from broker import deadlines
from broker.aws import secrets
from broker.aws.secrets import SecretUnusable
from tests.support.aws import REGION, secrets_manager

URL = "postgresql://user:pass@host/db"
ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:absent-AbCdEf"


@pytest.fixture(autouse=True)
def manager(aws, monkeypatch):
    """Secrets Manager, as a client of boto3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url)
    secrets._values.clear()
    yield secrets_manager()
    secrets._values.clear()


def store(manager, value):
    """Store a secret, and return its ARN."""
    return manager.create_secret(Name="database", SecretString=value)["ARN"]


def test_a_secret_is_read_once(aws, manager):
    arn = store(manager, "a")
    assert [secrets.read(arn), secrets.read(arn)] == ["a", "a"]
    assert aws.calls() == ["GetSecretValue"]
    assert aws.requests[0].headers["content-type"] == "application/x-amz-json-1.1"
    assert f"/{REGION}/secretsmanager/aws4_request" in aws.requests[0].headers["authorization"]


def test_a_secret_that_was_rotated_is_read_after_it_is_forgotten(aws, manager):
    arn = store(manager, "a")
    secrets.read(arn)
    manager.put_secret_value(SecretId=arn, SecretString="b")
    assert secrets.read(arn) == "a"
    secrets.forget(arn)
    assert secrets.read(arn) == "b"


def test_a_setting_that_names_no_secret_is_the_url_itself(aws):
    for setting in (URL, "host=localhost dbname=broker", ""):
        assert secrets.database_url(setting) == setting
        assert secrets.functions_url(setting) is None
        secrets.forget(setting)
    assert aws.requests == []


@pytest.mark.parametrize("value", [URL, f" {URL}\n", json.dumps({"url": URL, "functions_url": "another"})])
def test_a_secret_is_a_url_or_an_object_with_one(manager, value):
    assert secrets.database_url(store(manager, value)) == URL


RDS = {"engine": "postgres", "username": "us@er", "password": "p/a:s%s@ ?#é", "host": "db.example"}


@pytest.mark.parametrize(
    ("added", "place"),
    [
        ({}, {"port": "5432", "dbname": "postgres"}),
        ({"port": 6543, "dbname": "my/db"}, {"port": "6543", "dbname": "my/db"}),
        ({"port": "6543", "host": "fd00::1"}, {"port": "6543", "dbname": "postgres", "host": "fd00::1"}),
    ],
)
def test_a_secret_is_what_rds_writes(manager, added, place):
    url = secrets.database_url(store(manager, json.dumps({**RDS, **added})))
    login = {"user": RDS["username"], "password": RDS["password"], "host": RDS["host"]}
    assert conninfo_to_dict(url) == {**login, **place}


@pytest.mark.parametrize(
    "value",
    [
        "a password",
        "host=localhost password=private",
        "{}",
        json.dumps({"url": "mysql://private"}),
        json.dumps({"url": 7}),
        json.dumps({"username": "private", "password": "private"}),
        json.dumps({"username": "private", "host": "private"}),
        "[]",
    ],
)
def test_a_secret_that_holds_no_url_is_named_and_not_quoted(manager, value):
    arn = store(manager, value)
    with pytest.raises(SecretUnusable, match=r"holds no database's URL: it must be one that begins with") as unusable:
        secrets.database_url(arn)
    assert unusable.value.reason.startswith(arn)
    assert "private" not in unusable.value.reason
    assert "a password" not in unusable.value.reason


def test_the_owners_secret_may_have_the_url_of_the_functions(manager):
    arn = store(manager, json.dumps({"url": URL, "functions_url": "postgresql://functions"}))
    assert secrets.functions_url(arn) == "postgresql://functions"


@pytest.mark.parametrize("value", [URL, json.dumps(RDS)])
def test_another_secret_has_no_url_of_the_functions(manager, value):
    assert secrets.functions_url(store(manager, value)) is None


def test_an_absent_secret_is_named():
    with pytest.raises(SecretUnusable, match=f"^{ARN} does not exist, or has no value yet$"):
        secrets.database_url(ARN)


def test_a_secret_of_bytes_is_refused(manager):
    arn = manager.create_secret(Name="database", SecretBinary=b"postgresql://")["ARN"]
    with pytest.raises(SecretUnusable, match=f"^{arn} holds bytes: store a text$"):
        secrets.database_url(arn)


def test_a_secret_that_may_not_be_read_names_the_missing_right(aws):
    body = {"__type": "AccessDeniedException", "Message": "private"}
    aws.answer(400, body=json.dumps(body).encode())
    with pytest.raises(SecretUnusable) as denied:
        secrets.database_url(ARN)
    assert denied.value.reason == (
        f"{ARN} cannot be read, because the function's role lacks secretsmanager:GetSecretValue on it, or kms:Decrypt"
        " on its key"
    )


def test_a_service_that_does_not_answer_names_what_a_vpc_needs(aws, monkeypatch):
    aws.hang()
    deadlines.begin(0.1)
    monkeypatch.setattr(secrets, "SECONDS", 0.2)
    with pytest.raises(SecretUnusable) as silent:
        secrets.database_url(ARN)
    assert silent.value.reason == (
        f"{ARN} cannot be read, because secretsmanager.{REGION}.amazonaws.com does not answer (TimeoutError): in a VPC"
        f" the function needs an endpoint of com.amazonaws.{REGION}.secretsmanager in its subnets, or a NAT gateway"
    )


def test_another_failure_has_the_code_of_aws(aws):
    aws.answer(400, body=b'{"__type": "InvalidRequestException", "Message": "private"}')
    with pytest.raises(SecretUnusable, match=f"^{ARN} cannot be read: InvalidRequestException$"):
        secrets.database_url(ARN)


def test_a_secret_that_could_not_be_read_is_asked_for_again(aws, manager):
    arn = store(manager, "a")
    aws.answer(400, body=b'{"__type": "AccessDeniedException"}', times=1)
    with pytest.raises(SecretUnusable):
        secrets.read(arn)
    assert secrets.read(arn) == "a"


def test_without_credentials_the_missing_setting_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "")
    with pytest.raises(SecretUnusable, match=f"^{ARN} cannot be read: AWS_ACCESS_KEY_ID is not set"):
        secrets.read(ARN)


@pytest.mark.parametrize("arn", ["arn:", "arn:aws:secretsmanager::1:secret:a", "arn:aws:s3:::bucket"])
def test_what_is_no_secrets_arn_is_refused(aws, arn):
    with pytest.raises(SecretUnusable, match=f"^{arn} is not the ARN of a secret"):
        secrets.read(arn)
    assert aws.requests == []


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "secretsmanager.eu-central-1.amazonaws.com"),
        ("cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_secret_is_read_in_the_region_of_its_arn(monkeypatch, region, host):
    calls = []
    monkeypatch.setattr(secrets.client, "call", lambda *_, **given: calls.append(given) or {"SecretString": "a"})
    secrets.read(f"arn:aws:secretsmanager:{region}:123456789012:secret:a")
    assert [(each["region"], each["endpoint"]) for each in calls] == [(region, f"https://{host}")]
