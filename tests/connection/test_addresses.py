"""A host has several addresses: they share the time that the request has left."""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import database, deadlines
from broker.connection import CannotConnect, open_session
from broker.errors import DatabaseUnavailable
from tests.connection.conftest import Resolve

SILENT = ("127.0.0.2", "127.0.0.3", "127.0.0.4")


@pytest.fixture
def silent_port(database_url: str) -> Iterator[int]:
    """The port of PostgreSQL, on which other addresses of loopback accept connections and never answer."""
    port = int(conninfo_to_dict(database_url)["port"])
    with contextlib.ExitStack() as listeners:
        for address in SILENT:
            listeners.enter_context(socket.create_server((address, port)))
        yield port


@pytest.mark.slow
def test_three_silent_addresses_take_no_longer_than_one(database_url: str, silent_port: int, resolve: Resolve) -> None:
    resolve("silent.example.com", *SILENT)
    url = make_conninfo(database_url, host="silent.example.com", sslmode="disable")
    deadlines.begin(3)
    with pytest.raises(DatabaseUnavailable, match="timeout expired; let the security group") as raised:
        database.Database(lambda: url).value("SELECT 1")
    assert f"silent.example.com:{silent_port}" in str(raised.value)
    assert deadlines.allow(-2)  # 6 seconds or more, if each address had the time of the request


@pytest.mark.slow
def test_several_hosts_of_a_url_share_the_time_too(database_url: str, silent_port: int) -> None:
    url = make_conninfo(database_url, host=",".join(SILENT), sslmode="disable")
    deadlines.begin(3)
    with pytest.raises(CannotConnect, match="timeout expired") as raised:
        open_session(url)
    assert raised.value.mistake
    assert raised.value.mistake.name == "no answer"
    assert deadlines.allow(-2)


@pytest.mark.slow
@pytest.mark.usefixtures("silent_port")
def test_an_address_that_answers_is_reached_after_one_that_is_silent(database_url: str, resolve: Resolve) -> None:
    resolve("half.example.com", SILENT[0], "127.0.0.1")
    deadlines.begin(5)
    with open_session(make_conninfo(database_url, host="half.example.com", sslmode="disable")) as connection:
        assert connection.info.hostaddr == "127.0.0.1"


def test_what_came_furthest_is_reported(database_url: str, resolve: Resolve) -> None:
    resolve("two.example.com", "127.0.0.1", "127.0.0.5")
    url = make_conninfo(database_url, host="two.example.com", sslmode="disable", password="wrong")
    with pytest.raises(CannotConnect, match="password authentication failed"):
        open_session(url)
    resolve("two.example.com", "127.0.0.5", "127.0.0.1")
    with pytest.raises(CannotConnect, match="password authentication failed"):
        open_session(url)
