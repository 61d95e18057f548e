"""The loop under `make run`: from a request by way of both queues to a webhook, and back."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.runner import Runner
from tests.support.endpoints import Endpoint
from tests.support.runner import until

pytestmark = pytest.mark.slow


@pytest.fixture(params=["workers", "one process"])
def runner(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runner]:
    runner = Runner(tmp_path, *([] if request.param == "workers" else ["--in-process"]))
    runner.start()
    yield runner
    runner.stop()


def contents(received: Endpoint) -> list[object]:
    return [message["content"] for request in received.requests for message in json.loads(request.body)["messages"]]


def subscribe(runner: Runner, url: str, **wish: object) -> str:
    answer = runner.post("/topics/news/subscriptions", {"url": url, **wish})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def read(runner: Runner, subscription: str) -> dict[str, object]:
    found: dict[str, object] = runner.get(f"/topics/news/subscriptions/{subscription}").json()
    return found


def broadcast(runner: Runner, *messages: object) -> requests.Response:
    runner.post("/topics/news/messages", {"messages": [{"content": content} for content in messages]})
    return runner.post("/topics/news/broadcast", {})


def test_a_broadcast_is_answered_although_a_webhook_hangs_and_reaches_the_others(runner: Runner) -> None:
    with Endpoint() as endpoint, Endpoint() as hanging:
        hanging.hang()
        subscribe(runner, hanging.url)
        well = subscribe(runner, endpoint.url, batch_size=1)
        broadcast(runner)
        started = time.monotonic()

        answer = broadcast(runner, *range(5))

        assert answer.status_code == 202
        assert answer.json()["messages"] == 5
        assert time.monotonic() - started < 5
        hanging.wait_for(1)
        if runner.arguments:
            return  # one invocation at a time: what follows waits for the one that hangs
        endpoint.wait_for(5)
        assert contents(endpoint) == list(range(5))
        until(lambda: read(runner, well)["behind"] == 0)


def test_many_webhooks_that_hang_hold_up_none_of_the_others(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.start()
    with Endpoint() as endpoint, Endpoint() as hanging:
        hanging.hang()
        for nth in range(20):
            for each in range(4):
                subscribe(runner, f"{endpoint.url}/{nth}/{each}")
            subscribe(runner, f"{hanging.url}/{nth}")
        started = time.monotonic()
        broadcast(runner, "a")
        endpoint.wait_for(80)
        assert time.monotonic() - started < 10  # a webhook has 15 s
    runner.stop()


def test_what_failed_is_tried_again_when_it_is_due_and_what_is_resumed_at_once(runner: Runner) -> None:
    with Endpoint() as endpoint:
        endpoint.answer(503, times=1)
        subscription = subscribe(runner, endpoint.url)
        broadcast(runner, "a")
        first, second = endpoint.wait_for(2, timeout=30)
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        until(lambda: read(runner, subscription)["behind"] == 0)

        runner.patch(f"/topics/news/subscriptions/{subscription}", {"paused": True})
        broadcast(runner, "b")
        time.sleep(0.3)
        assert contents(endpoint) == ["a", "a"]
        runner.patch(f"/topics/news/subscriptions/{subscription}", {"paused": False})
        endpoint.wait_for(3)
        assert contents(endpoint)[2:] == ["b"]


def test_what_is_owed_when_all_is_killed_is_sent_after_the_next_start(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    runner.start()
    with Endpoint() as endpoint:
        endpoint.answer(503, times=1)
        subscription = subscribe(runner, endpoint.url)
        broadcast(runner, "a")
        until(lambda: read(runner, subscription)["failures"] == 1)
        runner.kill_all()
        runner.start()
        endpoint.wait_for(2, timeout=30)
        until(lambda: read(runner, subscription)["behind"] == 0)
    runner.stop()
