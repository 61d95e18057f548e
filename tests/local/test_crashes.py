"""The real `make run` under `kill -9`: acknowledged messages are kept, and settled messages do not return."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.runner import Runner, kill
from tests.support.runner import until


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    runner.start()
    yield runner
    runner.stop()


def publish_until_it_fails(runner: Runner, numbers: range, acknowledged: list[int]) -> None:
    with contextlib.suppress(requests.RequestException):
        for number in numbers:
            if runner.post("/topics/orders/messages", {"content": number}).status_code != 201:
                return
            acknowledged.append(number)


@pytest.mark.slow
def test_no_acknowledged_message_is_lost_when_all_processes_are_killed(runner: Runner) -> None:
    acknowledged: list[int] = []
    producers = [
        threading.Thread(target=publish_until_it_fails, args=(runner, range(start, start + 100_000), acknowledged))
        for start in (0, 1_000_000)
    ]
    for producer in producers:
        producer.start()
    until(lambda: len(acknowledged) >= 200)
    [settled] = runner.post("/topics/orders/consume", {"max": 1}).json()["messages"]
    assert runner.post("/topics/orders/settle", {"ack": [settled["receipt"]]}).json()["acked"] == 1

    runner.kill_all()
    for producer in producers:
        producer.join()
    runner.start()

    taken = runner.take_all()
    assert set(acknowledged) - {settled["content"]} <= set(taken)
    assert settled["content"] not in taken
    assert len(taken) == len(set(taken))


@pytest.mark.slow
def test_a_killed_postgresql_restarts_by_itself_with_every_acknowledged_message(runner: Runner) -> None:
    for number in range(20):
        assert runner.post("/topics/orders/messages", {"content": number}).status_code == 201

    kill(runner.processes("postgres"))

    until(lambda: runner.post("/topics/orders/messages", {"content": 20}).status_code == 201)
    assert sorted(set(runner.take_all())) == list(range(21))


@pytest.mark.slow
def test_a_killed_worker_is_replaced(runner: Runner) -> None:
    assert runner.post("/topics/orders/messages", {"content": 1}).status_code == 201
    kill(runner.processes("worker"))
    until(lambda: runner.post("/topics/orders/messages", {"content": 2}).status_code == 201)
    assert runner.take_all() == [1, 2]
