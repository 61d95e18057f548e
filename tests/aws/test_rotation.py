"""A login that is a secret: its password may change while the functions run."""

import json

import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from broker import database as database_module
from broker import settings
from broker.aws import secrets
from broker.database import Database
from broker.errors import DatabaseUnavailable
from tests.support.aws import secrets_manager


class Login:
    """A login of the database, and its secret."""

    def __init__(self, owner, url):
        self._owner = owner
        self._place = conninfo_to_dict(url)
        self.name = f"{self._place['dbname']}_rotated"
        self._manager = secrets_manager()
        self._run("CREATE ROLE {} LOGIN")
        self.arn = self._manager.create_secret(Name="login", SecretString=self._value("none yet"))["ARN"]

    def change(self, password):
        self._run("ALTER ROLE {} PASSWORD {}", password)

    def store(self, password):
        self._manager.put_secret_value(SecretId=self.arn, SecretString=self._value(password))

    def drop(self):
        self._run("DROP ROLE {}")

    def _value(self, password):
        place = {"username": self.name, "password": password, "host": self._place["host"]}
        return json.dumps({**place, "port": int(self._place["port"]), "dbname": self._place["dbname"]})

    def _run(self, statement, *values):
        self._owner.execute(sql.SQL(statement).format(sql.Identifier(self.name), *map(sql.Literal, values)))


@pytest.fixture
def login(aws, owner, database_url, monkeypatch):
    login = Login(owner, database_url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    login.change("first")
    login.store("first")
    yield login
    login.drop()
    secrets._values.clear()


@pytest.fixture
def database(login):
    database = Database(lambda: login.arn)
    yield database
    database.close()


def test_a_login_is_read_from_its_secret_once(aws, login, database):
    for _ in range(2):
        assert database.value("SELECT session_user::text") == login.name
        database.close()
    assert aws.calls() == ["GetSecretValue"]


def test_a_password_that_was_rotated_is_read_again(aws, login, database):
    database.value("SELECT 1")
    database.close()
    login.change("second")
    login.store("second")
    for _ in range(2):
        assert database.value("SELECT 1") == 1
        database.close()
    assert aws.calls() == ["GetSecretValue"] * 2


def test_a_password_that_is_wrong_is_read_again_once_a_call(aws, login, database):
    login.change("second")
    with pytest.raises(DatabaseUnavailable):
        database.value("SELECT 1")
    assert aws.calls() == ["GetSecretValue"] * 2
    login.store("second")
    assert database.value("SELECT 1") == 1
    assert aws.calls() == ["GetSecretValue"] * 3


def test_a_database_that_is_away_makes_no_secret_be_read_again(aws, login, database):
    database.value("SELECT 1")
    secrets._values[login.arn] = "postgresql://user:password@127.0.0.1:1/db"
    database.close()
    with pytest.raises(DatabaseUnavailable):
        database.value("SELECT 1")
    assert aws.calls() == ["GetSecretValue"]


def test_a_secret_that_cannot_be_read_is_a_database_that_is_unavailable(client, login, log_lines, monkeypatch):
    absent = f"{login.arn}x"
    monkeypatch.setenv("DATABASE_URL", absent)
    settings.current.cache_clear()
    database_module.functions.close()
    try:
        response = client.get("/topics")
    finally:
        monkeypatch.undo()
        settings.current.cache_clear()
    assert (response.status, "arn:" in response.text) == (503, False)
    [line] = log_lines()
    assert (line["error"], line["reason"]) == ("SecretUnusable", f"{absent} does not exist, or has no value yet")
