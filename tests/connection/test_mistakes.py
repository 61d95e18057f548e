"""Each mistake in a URL has a sentence: where, PostgreSQL's reason, and what to change; never a password."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import connection_mistakes, database, deadlines
from broker.connection import CannotConnect, open_session
from broker.errors import DatabaseUnavailable
from tests.connection.conftest import Resolve
from tests.support import tls
from tests.support.client import ROOT
from tests.support.pooler import Pooler

SECRET = "Pa5s"


def fail(url: str, **changes: str) -> CannotConnect:
    """Try to connect, and return the error. No part of the password is in it."""
    if changes:
        url = make_conninfo(url, **changes)
    with pytest.raises(CannotConnect) as raised:
        open_session(url, options=database.OPTIONS)
    assert SECRET not in str(raised.value)
    assert "w0rd" not in str(raised.value)
    return raised.value


def expect(error: CannotConnect, name: str, reason: str) -> None:
    """The error is this mistake, with PostgreSQL's reason and the advice."""
    assert error.mistake
    assert error.mistake.name == name
    assert reason in str(error)
    assert str(error).endswith(f"; {error.mistake.advice}")


def test_a_wrong_password(database_url: str) -> None:
    error = fail(database_url, password=f"{SECRET}w0rd")
    expect(error, "wrong password", 'password authentication failed for user "postgres"')
    where = conninfo_to_dict(database_url)
    assert str(error).startswith(
        f"no connection to 127.0.0.1:{where['port']}, database {where['dbname']} as postgres: connection to server at"
    )


def test_a_wrong_password_in_another_language(database_url: str) -> None:
    port = int(conninfo_to_dict(database_url)["port"])
    with Pooler(port, translates=(b"password authentication", b"Passwort-Anmeldung".ljust(23))) as server:
        error = fail(database_url, port=str(server.port), password=SECRET)
        assert "Passwort-Anmeldung" in str(error)
        assert error.mistake is None
        assert error.login_refused
        assert not fail(database_url, port=str(server.port), dbname="nowhere").login_refused


def test_no_password(database_url: str) -> None:
    expect(fail(database_url, password=""), "wrong password", "no password supplied")


def test_no_such_database(database_url: str) -> None:
    expect(fail(database_url, dbname="nowhere"), "no such database", 'database "nowhere" does not exist')


def test_an_unknown_host(database_url: str) -> None:
    error = fail(database_url, host="no-such-host.invalid")
    expect(error, "an unknown host", "failed to resolve host 'no-such-host.invalid'")


def test_a_closed_port(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    expect(fail(database_url, port=str(port)), "a closed port", "Connection refused")


def test_a_server_without_tls(database_url: str, resolve: Resolve) -> None:
    resolve("db.example.com", "127.0.0.1")
    error = fail(database_url, host="db.example.com")
    expect(error, "a server without TLS", "server does not support SSL")
    assert "?sslmode=disable" in str(error)
    with open_session(make_conninfo(database_url, host="db.example.com", sslmode="prefer")):
        pass


def test_a_server_that_demands_tls(tls_server: tls.Server) -> None:
    expect(fail(tls_server.url, sslmode="disable"), "a server that demands TLS", "no pg_hba.conf entry")


def test_a_certificate_that_is_not_trusted(tls_server: tls.Server) -> None:
    changes = {"host": "localhost", "sslmode": "verify-full", "sslrootcert": str(tls_server.stranger)}
    error = fail(tls_server.url, **changes)
    expect(error, "a certificate that is not trusted", "certificate verify failed")


def test_a_file_of_authorities_that_does_not_exist(tls_server: tls.Server) -> None:
    error = fail(tls_server.url, sslmode="verify-full", sslrootcert="/no/such/file.pem")
    expect(error, "no file of authorities", 'root certificate file "/no/such/file.pem" does not exist')


@pytest.fixture
def pooler(database_url: str) -> Iterator[str]:
    """The URL of a pooler that refuses options, as PgBouncer does."""
    with Pooler(int(conninfo_to_dict(database_url)["port"]), refuses=b"options") as pooler:
        yield make_conninfo(database_url, port=str(pooler.port))


def test_a_pooler_that_refuses_options(pooler: str) -> None:
    error = fail(pooler)
    expect(error, "a pooler that refuses options", "unsupported startup parameter in options: statement_timeout")
    assert '{"database_proxy": true}' in str(error)
    with open_session(pooler) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_starts(database_url: str) -> None:
    deadlines.begin(0)  # or it is asked again for a minute
    with Pooler(0, refuses=b"user", refusal="57P03 the database system is starting up") as server:
        error = fail(database_url, port=str(server.port))
    expect(error, "a server that starts or stops", "the database system is starting up")


@pytest.fixture
def limited(owner: psycopg.Connection[Any], database_url: str) -> Iterator[str]:
    """The URL of a login that may open no connection."""
    name = f"{owner.info.dbname}_limited"
    owner.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 0 PASSWORD {}").format(sql.Identifier(name), SECRET))
    yield make_conninfo(database_url, user=name, password=SECRET)
    owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_too_many_connections(limited: str) -> None:
    expect(fail(limited), "too many connections", "too many connections for role")


def test_a_replica_that_the_url_does_not_want(owner: psycopg.Connection[Any], database_url: str) -> None:
    database.owner.close()
    database.functions.close()
    name = sql.Identifier(owner.info.dbname)
    owner.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    try:
        expect(fail(database_url, target_session_attrs="read-write"), "a replica", "session is read-only")
        with pytest.raises(
            DatabaseUnavailable, match="a replica, which refuses to write; the URL must lead to the pri"
        ):
            database.owner.value("SELECT broker.put_topic('orders', 'manual', 30, 10)")
    finally:
        owner.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
        database.owner.close()


@pytest.mark.parametrize(("name", "value"), [("sslmode", "requird"), ("keepalives", "x")])
def test_a_wrong_value(name: str, value: str) -> None:
    expect(fail(f"postgresql://a:{SECRET}@127.0.0.1:1/b?{name}={value}"), "a wrong value", f'"{value}"')


def test_a_misspelt_parameter() -> None:
    error = fail(f"postgresql://a:{SECRET}@127.0.0.1/b?sslmod=require&user=c")
    expect(error, "a misspelt parameter", 'it has the parameter "sslmod"')


def test_a_login_that_iam_refuses() -> None:
    """In the words of Amazon RDS; tests/aws/test_database_login.py has the way to them."""
    mistake = connection_mistakes.find('FATAL:  PAM authentication failed for user "administrator"')
    assert mistake is not None
    assert mistake.name == "a login by IAM that is refused"


def test_an_address_without_a_way(resolve: Resolve, database_url: str) -> None:
    resolve("far.example.com", "255.255.255.255")  # as an IPv6 address is where only IPv4 is
    expect(fail(database_url, host="far.example.com"), "no way to the address", "Network is unreachable")


@pytest.mark.parametrize("character", ["@", "/", "%", "/?", "@/", "@:", "/?a=b&", "@?a=b&", "/x?port=1&c=", "%db", " "])
@pytest.mark.parametrize("form", ["postgresql://me:{}@127.0.0.1:1/db", "host=127.0.0.1 port=1 password={}"])
def test_a_character_that_is_not_escaped_shows_no_part_of_the_password(form: str, character: str) -> None:
    url = form.format(f"{SECRET}{character}w0rd")
    error = fail(url)
    if "password=" not in form and character != " ":
        assert error.mistake is connection_mistakes.UNREADABLE
        assert "must be percent-encoded (@ is %40)" in str(error)


def test_a_password_in_the_query_that_is_not_escaped_is_not_shown() -> None:
    error = fail(f"postgresql://127.0.0.1:1/b?user=a&password={SECRET}&w0rd=c")
    assert error.mistake is connection_mistakes.UNREADABLE


@pytest.mark.parametrize("url", [f"postgres//a:{SECRET}@b/c", f"mysql://a:{SECRET}@b/c", SECRET, "postgresql://[::1/b"])
def test_what_is_no_url_is_not_shown(url: str) -> None:
    assert fail(url).mistake is connection_mistakes.UNREADABLE


def test_a_known_reason_never_holds_the_password() -> None:
    shown = connection_mistakes.describe(f"connection failed: one {SECRET}\n\ntwo\n", SECRET)
    assert shown == "one …; two"


def test_the_page_has_each_mistake_and_its_sentence() -> None:
    page = (ROOT / "docs/how-to/deploy.md").read_text()
    _, _, section = page.partition("## When it does not connect\n")
    rows = re.findall(r"^\| ([^|`]+?) \| (.+?) \|$", section.partition("\n## ")[0], re.MULTILINE)
    known = [*connection_mistakes.MISTAKES, connection_mistakes.PARAMETER, connection_mistakes.UNREADABLE]
    assert rows[1:] == [(each.name, each.advice) for each in known]


def test_each_mistake_has_a_test() -> None:
    tests = " ".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    unseen = {each.name for each in connection_mistakes.MISTAKES if f'"{each.name}"' not in tests}
    assert unseen == set()
