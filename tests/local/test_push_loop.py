"""`make run` delivers a broadcast through both queues to the endpoints, and records the outcomes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.runner import Runner
from tests.support.endpoints import Endpoint
from tests.support.runner import until


@pytest.fixture(params=["workers", pytest.param("one process", marks=pytest.mark.slow)])
def runner(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runner]:
    runner = Runner(tmp_path, *([] if request.param == "workers" else ["--in-process"]))
    runner.start()
    yield runner
    runner.stop()


def contents(endpoint: Endpoint) -> list[object]:
    return [message["content"] for request in endpoint.requests for message in json.loads(request.body)["messages"]]


def subscribe(runner: Runner, url: str, **options: object) -> str:
    response = runner.post("/topics/news/subscriptions", {"url": url, **options})
    assert response.status_code == 201
    return str(response.json()["id"])


def read(runner: Runner, subscription: str) -> dict[str, object]:
    content: dict[str, object] = runner.get(f"/topics/news/subscriptions/{subscription}").json()
    return content


def broadcast(runner: Runner, *messages: object) -> requests.Response:
    runner.post("/topics/news/messages", {"messages": [{"content": content} for content in messages]})
    return runner.post("/topics/news/broadcast", {})


@pytest.mark.slow
def test_a_broadcast_returns_although_one_endpoint_hangs_and_the_others_receive_it(runner: Runner) -> None:
    with Endpoint() as endpoint, Endpoint() as hanging:
        hanging.hang()
        subscribe(runner, hanging.url)
        subscription = subscribe(runner, endpoint.url, batch_size=1)

        response = broadcast(runner, *range(5))

        assert response.status_code == 202
        assert response.json()["messages"] == 5
        hanging.wait_for(1)
        if runner.arguments:
            return  # one invocation at a time: the rest would wait for the endpoint that hangs
        endpoint.wait_for(5)
        assert contents(endpoint) == list(range(5))
        until(lambda: read(runner, subscription)["behind"] == 0)


@pytest.mark.slow
def test_many_endpoints_that_hang_do_not_delay_the_others(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.start()
    with Endpoint() as endpoint, Endpoint() as hanging:
        hanging.hang()
        subscriptions = []
        for nth in range(20):
            for each in range(4):
                subscribe(runner, f"{endpoint.url}/{nth}/{each}")
            subscriptions.append(subscribe(runner, f"{hanging.url}/{nth}"))
        broadcast(runner, "a")
        endpoint.wait_for(80)
        # no POST that hangs has timed out, so none of the others waited for one
        assert [read(runner, subscription)["failures"] for subscription in subscriptions] == [0] * 20
    runner.stop()


@pytest.mark.slow
def test_a_failed_batch_is_retried_when_due_and_a_resumed_subscription_at_once(runner: Runner) -> None:
    with Endpoint() as endpoint, Endpoint() as other:
        endpoint.answer(503, times=1)
        subscription = subscribe(runner, endpoint.url)
        broadcast(runner, "a")
        first, second = endpoint.wait_for(2)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        until(lambda: read(runner, subscription)["behind"] == 0)

        runner.patch(f"/topics/news/subscriptions/{subscription}", {"paused": True})
        subscribe(runner, other.url)
        broadcast(runner, "b")
        other.wait_for(1)
        assert contents(endpoint) == ["a", "a"]
        runner.patch(f"/topics/news/subscriptions/{subscription}", {"paused": False})
        endpoint.wait_for(3)
        assert contents(endpoint)[2:] == ["b"]


@pytest.mark.slow
def test_the_backlog_at_a_kill_of_all_processes_is_delivered_after_the_next_start(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.start()
    with Endpoint() as endpoint:
        endpoint.answer(503, times=1)
        subscription = subscribe(runner, endpoint.url)
        broadcast(runner, "a")
        until(lambda: read(runner, subscription)["failures"] == 1)
        runner.kill_all()
        runner.start()
        endpoint.wait_for(2)
        until(lambda: read(runner, subscription)["behind"] == 0)
    runner.stop()
