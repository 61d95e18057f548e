"""The programs in examples/ do what they say, as processes and against the real broker."""

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from examples.client import Broker, Problem
from examples.stage.tally import Tally
from tests.support.client import ROOT
from tests.support.endpoints import Endpoint, resets
from tests.support.runner import running

EXAMPLES = ROOT / "examples"
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user of the broker."""
    data = tmp_path_factory.mktemp("broker")
    with running(data) as url:
        yield {"PATH": os.environ["PATH"], "BROKER": url, "TOKEN": (data / "admin.token").read_text().strip()}


@pytest.fixture
def broker(where: dict[str, str]) -> Iterator[Broker]:
    broker = Broker(where["BROKER"], where["TOKEN"])
    with broker.http:
        yield broker


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return request.function.__name__[:100]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as endpoint:
        yield endpoint


class Program:
    """An example as a process, whose lines are read and whose keys are pressed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def says(self, words: str) -> str:
        """Read on to a line that begins with these words."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith(words):
                return line
        raise AssertionError(f"never said {words!r}, but {self.said}")

    def press(self, keys: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{keys}\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def program(where: dict[str, str], *command: str) -> Iterator[Program]:
    arguments = [sys.executable, str(EXAMPLES / command[0]), *command[1:]]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, cwd=ROOT, env=where, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        guard = threading.Timer(PATIENCE_SECONDS, process.kill)
        guard.start()
        try:
            yield Program(process)
        finally:
            guard.cancel()
            process.terminate()


def run(where: dict[str, str], *command: str, keys: str = "") -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, str(EXAMPLES / command[0]), *command[1:]]
    return subprocess.run(
        arguments,
        cwd=ROOT,
        env=where,
        input=keys,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between the client's requests. The test itself waits for none of them."""
    seconds: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=seconds.append))
    return seconds


def printed(verb: str, output: str) -> list[Any]:
    """The contents after a verb: `consumed 01a2… "shop 1"`."""
    return [json.loads(content) for content in re.findall(rf"^{verb} \S+ (.+)$", output, re.MULTILINE)]


@pytest.mark.slow
def test_a_producer_publishes_a_message_for_each_line(where, broker, topic):
    done = run(where, "producer.py", "--name", "shop", "--topic", topic, keys="\n\nhello\n")

    assert done.returncode == 0
    waiting = broker.consume(topic)
    assert (
        [message["content"] for message in waiting]
        == ["shop 1", "shop 2", "hello"]
        == printed("published", done.stdout)
    )
    assert {message["sender"] for message in waiting} == {"shop"}


@pytest.mark.slow
def test_a_producer_with_a_rate_publishes_until_it_is_stopped_and_prints_each_message(where, broker, topic):
    with program(where, "producer.py", "--topic", topic, "--rate", "50") as producer:
        producer.says("published")
        producer.says("published")
        producer.process.terminate()
        rest, _ = producer.process.communicate()

    assert producer.process.returncode == 0
    published = printed("published", "".join(producer.said) + rest)
    assert [message["content"] for message in broker.consume(topic, max=1000)] == published


@pytest.mark.slow
def test_a_consumer_consumes_what_waits(where, broker, topic):
    broker.publish_many(topic, [{"content": number} for number in range(25)])

    done = run(where, "consumer.py", "--port", "0", "--topic", topic, "--consume", "--once")

    assert done.returncode == 0
    assert printed("consumed", done.stdout) == list(range(25))
    assert broker.request("GET", f"/topics/{topic}")["queue"]["waiting"] == 0


@pytest.mark.slow
def test_a_consumer_obeys_its_keys(where, broker, topic):
    with program(where, "consumer.py", "--port", "0", "--topic", topic) as consumer:
        consumer.press("s")
        consumer.says("secret")
        broker.publish(topic, {"to": "all"})
        broker.broadcast(topic)
        assert printed("received", consumer.says("received")) == [{"to": "all"}]
        broker.publish(topic, "to one")
        consumer.press("c")
        assert printed("consumed", consumer.says("consumed")) == ["to one"]
        consumer.press("u")
        consumer.says("unsubscribed")
        consumer.press("u")
        consumer.says("404 the topic has no such subscription")
        consumer.press("q")
        assert consumer.process.wait() == 0

    assert broker.request("GET", f"/topics/{topic}/subscriptions")["items"] == []


@pytest.mark.slow
def test_a_consumer_obeys_its_flags(where, broker, topic):
    with program(where, "consumer.py", "--port", "0", "--topic", topic, "--subscribe", "--consume") as consumer:
        url = consumer.says("subscribed").split()[1]
        broker.publish(topic, 1)
        consumer.says("consumed")

    run(where, "consumer.py", "--port", url.rstrip("/").rpartition(":")[2], "--topic", topic, "--unsubscribe", "--once")
    assert broker.request("GET", f"/topics/{topic}/subscriptions")["items"] == []


@pytest.mark.slow
def test_a_consumer_refuses_what_the_broker_did_not_sign(where, topic):
    with program(where, "consumer.py", "--port", "0", "--topic", topic, "--subscribe") as consumer:
        url = consumer.says("subscribed").split()[1]
        consumer.says("secret")
        forged = {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        for headers in ({}, forged, {"webhook-timestamp": "soon"}):
            assert requests.post(url, json={"messages": []}, headers=headers, timeout=10).status_code == 401


def test_a_user_without_a_token_is_shown_where_it_is(where, topic):
    done = run({"PATH": where["PATH"], "BROKER": where["BROKER"]}, "producer.py", "--topic", topic, keys="\n")

    assert done.returncode == 1
    assert done.stderr == "TOKEN is not set: export TOKEN=$(cat .local/admin.token)\n"


@pytest.mark.slow
def test_each_route_of_the_node_broker_has_its_line(where, endpoint):
    script = EXAMPLES / "from-node-broker.sh"
    text = script.read_text()
    for route in ("messages", "messages/consume", "messages/send", "messages/subscribe", "messages/unsubscribe"):
        assert re.search(rf"^# before: .*localhost:3000/{route}\b(?!/)", text, re.MULTILINE)

    environment = where | {"CONSUMER": f"{endpoint.url}/receive"}
    done = subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    [received] = endpoint.wait_for(1)
    assert [message["content"] for message in json.loads(received.body)["messages"]] == ["hello, all"]


@pytest.mark.slow
def test_the_demo_loses_nothing_and_leaves_nothing(where, tmp_path):
    environment = {"PATH": where["PATH"], "TMPDIR": str(tmp_path)}

    done = run(environment, "demo.py", "--seconds", "10")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "b is killed" in done.stdout
    assert "none lost" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_counts_as_lost_what_was_neither_consumed_nor_received_by_all():
    tally = Tally()
    for message in ("consumed", "broadcast", "half", "leased"):
        tally.note("shop", "published", message, "", 0)
    for actor, verb, message in [
        ("a", "consumed", "consumed"),
        ("a", "received", "broadcast"),
        ("b", "received", "broadcast"),
        ("b", "received", "half"),
        ("b", "leased", "leased"),
    ]:
        tally.note(actor, verb, message, "", 0)

    assert tally.lost(("a", "b")) == {"half", "leased"}


def test_the_client_settles_as_its_methods_say(broker, topic):
    broker.publish_many(topic, [{"content": "done"}, {"content": "not yet"}])
    done, not_yet = broker.consume(topic, wait_seconds=5)

    broker.ack(topic, done)
    broker.release(topic, not_yet)

    [again] = broker.consume(topic)
    assert again["content"] == "not yet"
    assert again["receives"] == 2


def test_the_client_raises_a_problem_with_each_fault(broker, topic):
    with pytest.raises(Problem) as raised:
        broker.publish_many(topic, [{"content": 1}, {"contents": 2}])

    assert raised.value.status == 400
    assert raised.value.title == "The request is not valid; it changed nothing"
    assert {fault["pointer"] for fault in raised.value.errors} == {"/messages/1/content", "/messages/1/contents"}
    assert "/messages/1/contents unknown field" in str(raised.value)


def test_the_client_publishes_again_under_the_same_key_and_only_after_retry_after(endpoint, waits):
    endpoint.answer(503, {"Retry-After": "1"}, times=1)
    endpoint.does(resets(), times=1)
    endpoint.answer(201, body=b'{"id": "1"}')
    broker = Broker(endpoint.url, "brk_")

    with broker.http:
        assert broker.publish("orders", 1) == "1"
        assert waits[0] == 1
        broker.publish("orders", 1)

    first, second, third, another = (request.headers["idempotency-key"] for request in endpoint.requests)
    assert first == second == third != another


def test_the_client_gives_up_with_the_last_problem(endpoint, waits):
    endpoint.answer(503, {"content-type": "application/json"}, b'{"message": "Service Unavailable"}')
    broker = Broker(endpoint.url, "brk_")

    with broker.http, pytest.raises(Problem, match="503 Service Unavailable"):
        broker.broadcast("orders")

    assert waits == [0.4, 0.8, 1.6, 3.2]
