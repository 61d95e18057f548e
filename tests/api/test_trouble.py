"""When the broker is in trouble: what the caller is told, what the log says, and what neither ever shows."""

import json
import socket
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker import database, settings, telemetry
from broker import tokens as rights
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, Client

MESSAGES = "/topics/orders/messages"
Moves = Callable[[str], None]


@pytest.fixture
def log_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Give all that the functions have written: the log's lines, then those of the requests."""
    log = StringIO()
    monkeypatch.setattr(telemetry._logger.registered_handler, "stream", log)
    return lambda: log.getvalue() + "".join(capsys.readouterr())


@pytest.fixture
def database_moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moves]:
    """Let the functions' database be elsewhere from now on."""

    def move(url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        settings.current.cache_clear()
        database.functions.close()

    yield move
    settings.current.cache_clear()
    database.functions.close()


def at(port: socket.socket) -> str:
    host, number = port.getsockname()
    return make_conninfo(host=host, port=number, user="broker", password="S3cret", dbname="broker")


@pytest.fixture
def nobody_listens() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return at(free)


@pytest.fixture
def nobody_answers() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield make_conninfo(
            host="127.0.0.1", port=listener.getsockname()[1], user="broker", password="S3cret", dbname="d"
        )


def end_sessions(owner: psycopg.Connection[Any]) -> None:
    owner.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = 'pgbroker'"
    )


@pytest.mark.parametrize("target", ["/topics", "/topics/orders", "/health?database=true"])
def test_a_database_that_is_away_is_said_to_be_so(
    client: Client, database_moves: Moves, nobody_listens: str, target: str, log_lines: Callable[[], str]
) -> None:
    rights.forget()
    database_moves(nobody_listens)
    response = client.get(target)
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["type"] == "urn:pgbroker:problem:database-unavailable"
    lines = log_lines()
    failure, _ = map(json.loads, lines.splitlines())
    assert (failure["error"], failure["request_id"]) == ("OperationalError", response.json["request_id"])
    assert "S3cret" not in response.text + lines


def test_a_database_that_does_not_answer_is_away_before_the_time_is_up(
    client: Client, database_moves: Moves, nobody_answers: str
) -> None:
    database_moves(nobody_answers)
    assert client.get("/topics", seconds=4).status == 503


def test_while_the_database_is_away_no_token_is_called_wrong(
    client: Client, database_moves: Moves, nobody_listens: str, database_url: str
) -> None:
    there = settings.current().database_url
    rights.forget()
    database_moves(nobody_listens)
    assert client.get("/topics").status == 503
    database_moves(there)
    assert client.get("/topics").status == 200


def test_health_is_well_without_a_database(database_moves: Moves, nobody_listens: str) -> None:
    database_moves(nobody_listens)
    assert Client(None).get("/health").json == {"status": "ok"}
    assert Client(None).get("/").status == 200
    assert Client(None).get("/openapi.json").status == 200


def test_a_request_finds_a_database_that_ended_the_session(client: Client, owner: psycopg.Connection[Any]) -> None:
    assert client.post(MESSAGES, {"content": 1}).status == 201
    end_sessions(owner)
    assert client.post(MESSAGES, {"content": 2}).status == 201
    assert client.get("/topics/orders").json["queue"]["waiting"] == 2


def test_a_lock_that_is_not_given_is_trouble_of_the_moment(client: Client, owner: psycopg.Connection[Any]) -> None:
    client.put("/topics/orders")
    owner.execute("ALTER FUNCTION delete_topic SET lock_timeout = '50ms'")
    with owner.transaction():
        owner.execute("SELECT FROM topics WHERE name = 'orders' FOR UPDATE")
        assert client.delete("/topics/orders").status == 503
    owner.execute("ALTER FUNCTION delete_topic SET lock_timeout = '5s'")
    assert client.delete("/topics/orders").status == 204


@pytest.fixture
def broken(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """No message can be stored: the database says why, and quotes the row."""
    owner.execute("ALTER TABLE queue ADD CONSTRAINT nothing_waits CHECK (bytes < 0) NOT VALID")
    yield
    owner.execute("ALTER TABLE queue DROP CONSTRAINT nothing_waits")


@pytest.mark.usefixtures("broken")
def test_an_unexpected_error_shows_nothing_of_its_inside(client: Client, log_lines: Callable[[], str]) -> None:
    response = client.post(MESSAGES, {"content": "T0pSecret", "sender": "M1ss Moneypenny"})
    assert response.status == 500
    assert response.json == {
        "type": "urn:pgbroker:problem:internal-error",
        "title": "Internal error; the log has the cause under this request id",
        "status": 500,
        "detail": "Internal error; the log has the cause under this request id",
        "request_id": response.json["request_id"],
    }
    lines = log_lines()
    failure, request = map(json.loads, lines.splitlines())
    assert (failure["error"], failure["sqlstate"], failure["level"]) == ("CheckViolation", "23514", "ERROR")
    assert failure["request_id"] == request["request_id"] == response.json["request_id"]
    assert any("database.py" in frame for frame in failure["frames"])
    assert request["Errors"] == 1
    for secret in ("T0pSecret", "Moneypenny", "nothing_waits", ADMIN_TOKEN):
        assert secret not in lines + response.text


def test_each_request_is_one_line(client: Client, log_lines: Callable[[], str]) -> None:
    client.post(MESSAGES, {"messages": [{"content": 1}, {"content": 2}]})
    client.get("/topics/nowhere")
    published, missed = map(json.loads, log_lines().splitlines())
    assert (published["route"], published["status"], published["topic"]) == (
        "POST /topics/{topic}/messages",
        201,
        "orders",
    )
    assert published["Messages"] == 2
    assert published["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service", "route"]]
    assert (missed["status"], "Messages" in missed, "Errors" in missed) == (404, False, False)


def test_no_log_line_holds_what_is_secret(client: Client, log_lines: Callable[[], str]) -> None:
    secret = {
        "content": "C0ntent",
        "sender": "S3nder",
        "key": "K3y",
        "attributes": {"N4me": "V4lue"},
        "url": "http://u5er:pa55word@127.0.0.1:8009/H00k?token=t0ken",
        "headers": {"X-Api-Key": "H3ader"},
        "reason": "R3ason",
        "name": "a-name",
        "scopes": ["publish"],
    }
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json["token"]
    made = client.post(
        "/topics/orders/subscriptions", {"url": "http://127.0.0.1:8009/H00k?t0ken", "headers": {"x": "H3ader"}}
    ).json
    client.post(MESSAGES, {name: secret[name] for name in ("content", "sender", "key", "attributes")})
    for operation in contract.operations().values():
        path = operation.path.format(topic="orders", id=made["id"], receipt=f"{made['id']}.1")
        for sent in (client, Client(minted), Client("brk_" + "W" * 43)):
            sent.request(operation.method, path, secret)
            sent.request(operation.method, f"{path}?url=http://u5er:pa55word@example.com&after=S3nder", b"\xffC0ntent")
    client.post("/topics/orders/broadcast")

    lines = log_lines()

    assert len(lines.splitlines()) > 6 * len(contract.operations())
    words = ["C0ntent", "S3nder", "K3y", "N4me", "V4lue", "u5er", "pa55word", "H00k", "t0ken", "H3ader", "R3ason"]
    for word in [*words, minted, made["secret"], ADMIN_TOKEN, "W" * 43]:
        assert word not in lines


def test_the_broker_says_its_name_and_where_to_go_on() -> None:
    root = Client(None).get("/").json
    assert root["name"] == "pgbroker"
    for target in root["links"].values():
        assert Client().get(target).status == 200


def test_the_contract_is_served_as_it_was_written() -> None:
    assert Client(None).get("/openapi.json").json == contract.document()
