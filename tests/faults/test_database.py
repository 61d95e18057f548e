"""Faults of the database under `make run`: responses stay clear, no acknowledged message is lost, and all recovers."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker import settings
from tests.faults.runner import Runner
from tests.support.proxy import Proxy
from tests.support.runner import until

ORDERS = "/topics/orders"
WAKE_UP_SECONDS = 20
FUNCTION_SESSIONS = "datname = current_database() AND application_name = 'pgbroker'"


@pytest.fixture
def owner(new_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection to a new database. It does not use the proxy."""
    with psycopg.connect(new_database(), autocommit=True, options="-c search_path=broker") as connection:
        yield connection


@pytest.fixture
def proxy(owner: psycopg.Connection[Any]) -> Iterator[Proxy]:
    with Proxy(owner.info.port) as proxy:
        yield proxy


@pytest.fixture
def runner(tmp_path: Path, owner: psycopg.Connection[Any], proxy: Proxy) -> Iterator[Runner]:
    """`make run`, whose functions reach their database through the proxy."""
    login = conninfo_to_dict(settings.current().database_url)
    url = make_conninfo(**{**login, "host": "127.0.0.1", "port": proxy.port})
    runner = Runner(tmp_path, DATABASE_URL=url, OWNER_DATABASE_URL=settings.current().owner_database_url)
    runner.start()
    yield runner
    runner.stop()


def publish(runner: Runner, number: int) -> requests.Response:
    return runner.post(f"{ORDERS}/messages", {"content": number}, **{"idempotency-key": f"number-{number}"})


def is_clear(response: requests.Response) -> bool:
    """Whether it is a success, or a 503 that says when to try again."""
    return response.ok or (
        response.status_code == 503
        and int(response.headers["retry-after"]) > 0
        and response.headers["content-type"] == "application/problem+json"
        and response.json()["type"] == "urn:pgbroker:problem:database-unavailable"
    )


def send_requests(runner: Runner, begin: Callable[[], None], end: Callable[[], None]) -> Counter[int]:
    """Publish, consume and settle before, during and after a fault; count the statuses of the responses during it."""
    before, during, after = range(5), range(5, 10), range(10, 15)
    assert all(publish(runner, number).status_code == 201 for number in before)
    [leased] = runner.post(f"{ORDERS}/consume", {"max": 1}).json()["messages"]
    receipts = {"ack": [leased["receipt"]]}

    begin()
    with ThreadPoolExecutor(7) as pool:
        sent = [pool.submit(publish, runner, number) for number in during]
        sent.append(pool.submit(runner.post, f"{ORDERS}/consume", {"max": 2, "lease_seconds": 1}))
        sent.append(pool.submit(runner.post, f"{ORDERS}/settle", receipts))
        responses = [request.result() for request in sent]
    end()

    assert all(map(is_clear, responses)), [response.text for response in responses]
    for number in (*during, *after):
        until(lambda number=number: publish(runner, number).status_code == 201)
    until(lambda: runner.post(f"{ORDERS}/settle", receipts).ok)
    taken: list[int] = []
    until(lambda: taken.extend(runner.take_all()) or len(taken) >= 14)  # two may still be on lease
    assert sorted(taken) == [number for number in range(15) if number != leased["content"]]
    assert runner.take_all() == []
    return Counter(response.status_code for response in responses)


def test_requests_get_503_while_the_database_refuses_connections(runner: Runner, proxy: Proxy) -> None:
    statuses = send_requests(runner, proxy.refuse, proxy.work)
    print(f"\nrefuses: {dict(statuses)}")
    assert statuses == {503: 7}


def test_requests_get_503_while_connects_to_the_database_hang(runner: Runner, proxy: Proxy) -> None:
    statuses = send_requests(runner, proxy.hang, proxy.work)
    print(f"\nhangs: {dict(statuses)}")
    assert statuses == {503: 7}


def test_requests_get_503_while_open_connections_to_the_database_are_silent(runner: Runner, proxy: Proxy) -> None:
    statuses = send_requests(runner, proxy.fall_silent, proxy.work)
    print(f"\nfalls silent: {dict(statuses)}")
    assert statuses == {503: 7}


def test_requests_succeed_when_the_database_takes_20_seconds_to_wake_up(runner: Runner, proxy: Proxy) -> None:
    statuses = send_requests(runner, lambda: proxy.sleep(WAKE_UP_SECONDS), proxy.work)
    print(f"\nsleeps {WAKE_UP_SECONDS} s: {dict(statuses)}")
    assert statuses == {201: 5, 200: 2}


def test_requests_succeed_after_idle_sessions_were_ended(runner: Runner, owner: psycopg.Connection[Any]) -> None:
    def end_sessions() -> None:
        ended = owner.execute(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {FUNCTION_SESSIONS}"
        )
        assert ended.rowcount > 0

    statuses = send_requests(runner, end_sessions, lambda: None)
    print(f"\nidle sessions ended: {dict(statuses)}")
    assert statuses == {201: 5, 200: 2}


def test_a_publish_gets_503_when_its_session_ends_during_its_statement(
    runner: Runner, owner: psycopg.Connection[Any]
) -> None:
    def waiting() -> bool:
        found = owner.execute(
            f"SELECT count(*) FROM pg_stat_activity WHERE {FUNCTION_SESSIONS} AND wait_event_type = 'Lock'"
        )
        return found.fetchall() == [(1,)]

    assert publish(runner, 1).status_code == 201
    owner.execute("BEGIN; LOCK TABLE queue")
    with ThreadPoolExecutor() as pool:
        publishing = pool.submit(publish, runner, 2)
        until(waiting)
        owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {FUNCTION_SESSIONS}")
        response = publishing.result()
    owner.execute("COMMIT")

    assert response.status_code == 503
    assert is_clear(response)
    assert publish(runner, 2).status_code == 201
    assert runner.take_all() == [1, 2]


def test_a_repeated_publish_is_stored_once_when_the_answer_to_its_commit_was_lost(runner: Runner, proxy: Proxy) -> None:
    assert publish(runner, 1).status_code == 201
    proxy.swallow_answer_to(b"number-2")
    lost = publish(runner, 2)
    repeated = publish(runner, 2)

    assert lost.status_code == 503
    assert is_clear(lost)
    assert (repeated.status_code, repeated.headers["idempotency-replayed"]) == (201, "true")
    assert runner.take_all() == [1, 2]
