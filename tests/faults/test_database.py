"""A database in trouble under `make run`: each answer is clear, nothing acknowledged is lost, and all is well after."""

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
SLEEP_SECONDS = 20
MINE = "datname = current_database() AND application_name = 'pgbroker'"


@pytest.fixture
def owner(new_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    """A database of its own, whose owner connects to it past the proxy."""
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


def is_clear(answer: requests.Response) -> bool:
    """Whether it is a success, or says in so many words that it is to be tried again."""
    return answer.ok or (
        answer.status_code == 503
        and int(answer.headers["retry-after"]) > 0
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["type"] == "urn:pgbroker:problem:database-unavailable"
    )


def go_through(runner: Runner, begin: Callable[[], None], end: Callable[[], None]) -> Counter[int]:
    """Publish, consume and settle before, during and after a fault, and count the answers during it by status."""
    before, during, after = range(5), range(5, 10), range(10, 15)
    assert all(publish(runner, number).status_code == 201 for number in before)
    [leased] = runner.post(f"{ORDERS}/consume", {"max": 1}).json()["messages"]
    settle = {"ack": [leased["receipt"]]}

    begin()
    with ThreadPoolExecutor(7) as pool:
        asked = [pool.submit(publish, runner, number) for number in during]
        asked.append(pool.submit(runner.post, f"{ORDERS}/consume", {"max": 2, "lease_seconds": 1}))
        asked.append(pool.submit(runner.post, f"{ORDERS}/settle", settle))
        told = [each.result() for each in asked]
    end()

    assert all(map(is_clear, told)), [answer.text for answer in told]
    for number in (*during, *after):
        until(lambda number=number: publish(runner, number).status_code == 201)
    until(lambda: runner.post(f"{ORDERS}/settle", settle).ok)
    taken: list[int] = []
    until(lambda: taken.extend(runner.take_all()) or len(taken) >= 14)  # two may be on lease yet
    assert sorted(taken) == [number for number in range(15) if number != leased["content"]]
    assert runner.take_all() == []
    return Counter(answer.status_code for answer in told)


def test_a_database_that_refuses_connections(runner: Runner, proxy: Proxy) -> None:
    told = go_through(runner, proxy.refuse, proxy.work)
    print(f"\nrefuses: {dict(told)}")
    assert told == {503: 7}


def test_a_database_that_hangs_on_connect(runner: Runner, proxy: Proxy) -> None:
    told = go_through(runner, proxy.hang, proxy.work)
    print(f"\nhangs: {dict(told)}")
    assert told == {503: 7}


def test_a_database_that_falls_silent(runner: Runner, proxy: Proxy) -> None:
    told = go_through(runner, proxy.fall_silent, proxy.work)
    print(f"\nfalls silent: {dict(told)}")
    assert told == {503: 7}


def test_a_database_that_sleeps_answers_once_it_is_awake(runner: Runner, proxy: Proxy) -> None:
    told = go_through(runner, lambda: proxy.sleep(SLEEP_SECONDS), proxy.work)
    print(f"\nsleeps {SLEEP_SECONDS} s: {dict(told)}")
    assert told == {201: 5, 200: 2}


def test_sessions_that_were_ended_while_idle_fail_no_request(runner: Runner, owner: psycopg.Connection[Any]) -> None:
    def end_sessions() -> None:
        ended = owner.execute(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {MINE}")
        assert ended.rowcount > 0

    told = go_through(runner, end_sessions, lambda: None)
    print(f"\nidle sessions ended: {dict(told)}")
    assert told == {201: 5, 200: 2}


def test_a_connection_that_is_cut_under_a_statement(runner: Runner, owner: psycopg.Connection[Any]) -> None:
    def wait_for_it() -> None:
        owner.execute("BEGIN; LOCK TABLE queue")

    def waiting() -> bool:
        found = owner.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {MINE} AND wait_event_type = 'Lock'")
        return found.fetchall() == [(1,)]

    assert publish(runner, 1).status_code == 201
    wait_for_it()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(publish, runner, 2)
        until(waiting)
        owner.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {MINE}")
        answer = asked.result()
    owner.execute("COMMIT")

    assert answer.status_code == 503
    assert is_clear(answer)
    assert publish(runner, 2).status_code == 201
    assert runner.take_all() == [1, 2]


def test_an_answer_that_is_lost_after_the_commit_leads_to_no_second_message(runner: Runner, proxy: Proxy) -> None:
    assert publish(runner, 1).status_code == 201
    proxy.swallow_answer_to(b"number-2")
    lost = publish(runner, 2)
    repeated = publish(runner, 2)

    assert lost.status_code == 503
    assert is_clear(lost)
    assert (repeated.status_code, repeated.headers["idempotency-replayed"]) == (201, "true")
    assert runner.take_all() == [1, 2]
