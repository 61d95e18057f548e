"""Failures: what the response says, what the log says, and which secrets neither ever shows."""

import json
import socket
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from broker import authorization, database, settings, telemetry
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, Client, make_token

MESSAGES = "/topics/orders/messages"
MoveDatabase = Callable[[str], None]


@pytest.fixture
def log_text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Return all that the functions have written: the log's lines, then those of the requests."""
    log = StringIO()
    monkeypatch.setattr(telemetry._logger.registered_handler, "stream", log)
    return lambda: log.getvalue() + "".join(capsys.readouterr())


@pytest.fixture
def move_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[MoveDatabase]:
    """Make the functions use another database from now on: `move_database(url)`."""

    def move(url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        settings.current.cache_clear()
        database.functions.close()

    yield move
    settings.current.cache_clear()
    database.functions.close()


def url_of(port: socket.socket) -> str:
    host, number = port.getsockname()
    return make_conninfo(host=host, port=number, user="broker", password="S3cret", dbname="broker")


@pytest.fixture
def unreachable_url() -> str:
    """The url of a port on which no server listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return url_of(free)


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The url of a server that accepts connections and never responds."""
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
def test_an_unreachable_database_gives_503_and_a_log_line(
    client: Client, move_database: MoveDatabase, unreachable_url: str, target: str, log_text: Callable[[], str]
) -> None:
    authorization.forget()
    move_database(unreachable_url)
    response = client.get(target)
    assert response.status == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["type"] == "urn:pgbroker:problem:database-unavailable"
    text = log_text()
    failure, _ = map(json.loads, text.splitlines())
    assert (failure["error"], failure["request_id"]) == ("CannotConnect", response.json["request_id"])
    assert "Connection refused" in failure["reason"]
    assert "Connection refused" not in response.text
    assert "S3cret" not in response.text + text


@pytest.mark.slow  # it waits for the deadline of a function
def test_a_silent_database_gives_503_before_the_function_times_out(
    client: Client, move_database: MoveDatabase, silent_url: str
) -> None:
    move_database(silent_url)
    assert client.get("/topics", seconds=4).status == 503


def test_no_token_is_refused_while_the_database_is_unavailable(
    client: Client, move_database: MoveDatabase, unreachable_url: str, database_url: str
) -> None:
    url = settings.current().database_url
    authorization.forget()
    move_database(unreachable_url)
    assert client.get("/topics").status == 503
    move_database(url)
    assert client.get("/topics").status == 200


def test_health_is_ok_without_a_database(move_database: MoveDatabase, unreachable_url: str) -> None:
    move_database(unreachable_url)
    assert Client(None).get("/health").json == {"status": "ok"}
    assert Client(None).get("/").status == 200
    assert Client(None).get("/openapi.json").status == 200


def test_a_request_succeeds_after_the_database_ended_the_session(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    assert client.post(MESSAGES, {"content": 1}).status == 201
    end_sessions(owner)
    assert client.post(MESSAGES, {"content": 2}).status == 201
    assert client.get("/topics/orders").json["queue"]["waiting"] == 2


def test_a_server_that_became_a_replica_gives_503_until_the_next_session_finds_the_primary(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    alter = f"ALTER DATABASE {owner.info.dbname}".encode()
    owner.execute(alter + b" SET default_transaction_read_only = on")
    database.functions.close()
    try:
        assert client.get("/topics").status == 200
        refused = client.post(MESSAGES, {"content": 1})
    finally:
        owner.execute(alter + b" RESET default_transaction_read_only")
    assert (refused.status, int(refused.headers["Retry-After"]) > 0) == (503, True)
    assert client.post(MESSAGES, {"content": 2}).status == 201


def test_a_lock_timeout_gives_503(client: Client, owner: psycopg.Connection[Any]) -> None:
    client.put("/topics/orders")
    owner.execute("ALTER FUNCTION change_topic SET lock_timeout = '50ms'")
    with owner.transaction():
        owner.execute("SELECT FROM topics WHERE name = 'orders' FOR UPDATE")
        assert client.patch("/topics/orders", {"lease_seconds": 60}).status == 503
    owner.execute("ALTER FUNCTION change_topic SET lock_timeout = '5s'")
    assert client.patch("/topics/orders", {"lease_seconds": 60}).status == 200


@pytest.fixture
def broken_queue(owner: psycopg.Connection[Any]) -> Iterator[None]:
    """No message can be stored, and PostgreSQL's error quotes the row."""
    owner.execute("ALTER TABLE queue ADD CONSTRAINT nothing_waits CHECK (bytes < 0) NOT VALID")
    yield
    owner.execute("ALTER TABLE queue DROP CONSTRAINT nothing_waits")


@pytest.mark.usefixtures("broken_queue")
def test_the_response_to_an_unexpected_error_shows_no_details(client: Client, log_text: Callable[[], str]) -> None:
    response = client.post(MESSAGES, {"content": "T0pSecret", "sender": "M1ss Moneypenny"})
    assert response.status == 500
    assert response.json == {
        "type": "urn:pgbroker:problem:internal-error",
        "title": "Internal error; the log has the cause under this request id",
        "status": 500,
        "detail": "Internal error; the log has the cause under this request id",
        "request_id": response.json["request_id"],
    }
    text = log_text()
    failure, request = map(json.loads, text.splitlines())
    assert (failure["error"], failure["sqlstate"], failure["level"]) == ("CheckViolation", "23514", "ERROR")
    assert failure["request_id"] == request["request_id"] == response.json["request_id"]
    assert any("database.py" in frame for frame in failure["frames"])
    assert request["Errors"] == 1
    for secret in ("T0pSecret", "Moneypenny", "nothing_waits", ADMIN_TOKEN):
        assert secret not in text + response.text


def test_each_request_is_one_log_line(client: Client, log_text: Callable[[], str]) -> None:
    client.post(MESSAGES, {"messages": [{"content": 1}, {"content": 2}]})
    client.get("/topics/nowhere")
    published, missed = map(json.loads, log_text().splitlines())
    assert (published["route"], published["status"], published["topic"]) == (
        "POST /topics/{topic}/messages",
        201,
        "orders",
    )
    assert published["Published"] == 2
    assert (missed["status"], "Published" in missed, "Errors" in missed) == (404, False, False)


def test_no_log_line_shows_a_secret(client: Client, log_text: Callable[[], str]) -> None:
    body = {
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
    subscribed = client.post(
        "/topics/orders/subscriptions", {"url": "http://127.0.0.1:8009/H00k?t0ken", "headers": {"x": "H3ader"}}
    ).json
    client.post(MESSAGES, {name: body[name] for name in ("content", "sender", "key", "attributes")})
    for operation in contract.operations().values():
        path = operation.path.format(topic="orders", id=subscribed["id"], receipt=f"{subscribed['id']}.1")
        for caller in (client, Client(minted), Client(make_token("W"))):
            caller.request(operation.method, path, body)
            caller.request(
                operation.method, f"{path}?url=http://u5er:pa55word@example.com&after=S3nder", b"\xffC0ntent"
            )
    client.post("/topics/orders/broadcast")

    text = log_text()

    assert len(text.splitlines()) > 6 * (len(contract.operations()) - 1)  # the console logs nothing
    secrets = ["C0ntent", "S3nder", "K3y", "N4me", "V4lue", "u5er", "pa55word", "H00k", "t0ken", "H3ader", "R3ason"]
    for secret in [*secrets, minted, subscribed["secret"], ADMIN_TOKEN, "W" * 43]:
        assert secret not in text


@pytest.mark.parametrize(("keys", "reason"), [("", "TOKEN_KEYS is not set"), ("S3cret", "TOKEN_KEYS must be one key")])
def test_a_function_without_the_keys_of_tokens_says_so_in_the_log(
    client: Client, log_lines: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch, keys: str, reason: str
) -> None:
    monkeypatch.setenv("TOKEN_KEYS", keys)
    settings.token_keys.cache_clear()
    try:
        assert client.get("/topics").status == 500
        assert client.get("/health").status == 200
    finally:
        settings.token_keys.cache_clear()
    [failure] = log_lines()
    assert failure["reason"].startswith(reason)
    assert "S3cret" not in str(failure)


def test_the_root_shows_the_name_and_working_links() -> None:
    root = Client(None).get("/").json
    assert root["name"] == "pgbroker"
    for target in root["links"].values():
        assert Client().get(target).status == 200


def test_the_served_contract_equals_openapi_yaml() -> None:
    assert Client(None).get("/openapi.json").json == contract.document()
