"""consume --follow: messages that come later, outages, and the end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from pgbroker import Broker
from tests.client.cli.conftest import COMMAND
from tests.client.cli.queues import waiting
from tests.support.endpoints import Endpoint, answers
from tests.support.runner import running

EMPTY = answers(body=b'{"messages": []}')


@contextmanager
def following(environment, topic, *options, **changes) -> Iterator["subprocess.Popen[str]"]:
    """The command in a pipe, until SIGTERM."""
    command = [*COMMAND, "consume", topic, "--follow", "--wait", "1s", "--content", *options]
    with subprocess.Popen(
        command, env={**environment, **changes}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.terminate()


def test_what_comes_later_is_followed(environment, broker, topic):
    with following(environment, topic, "--ack") as process:
        for n in (1, 2):
            broker.publish(topic, n)
            assert process.stdout is not None
            assert process.stdout.readline() == f"{n}\n"
    assert process.returncode == 0
    assert waiting(broker, topic) == (0, 0, 0)


def test_a_broker_that_comes_back_is_followed_on(environment, topic):
    with Endpoint() as endpoint:
        endpoint.does(answers(503, {"Retry-After": "0"}, b'{"title": "asleep"}'), times=3)
        endpoint.does(
            answers(
                body=b'{"messages": [{"id": "1", "receipt": "1.1", "content": 7, "sender": "s", "key": null,'
                b' "attributes": null, "created_at": "2026-11-24T09:30:01Z", "receives": 1,'
                b' "lease_expires_at": "2026-11-24T09:30:01Z"}]}'
            ),
            times=1,
        )
        endpoint.does(EMPTY)
        with following(environment, topic, BROKER=endpoint.url) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "7\n"
            endpoint.wait_for(5)
    assert process.returncode == 0


@pytest.mark.slow
def test_a_broker_that_restarts_is_followed_on(environment, tmp_path):
    data = tmp_path / "data"
    with running(data) as url:
        port = urlsplit(url).port or 0
        there = {**environment, "BROKER": url, "TOKEN": (data / "admin.token").read_text().strip()}
        with Broker(url, there["TOKEN"]) as broker:
            broker.publish("orders", 1)
        command = [*COMMAND, "consume", "orders", "--follow", "--wait", "1s", "--content", "--ack"]
        process = subprocess.Popen(command, env=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "1\n"
    with process:
        assert "Trying again." in process.stderr.readline()
        with running(data, port) as url, Broker(url, there["TOKEN"]) as broker:
            assert process.stderr.readline() == "The broker answers again.\n"
            broker.publish("orders", 2)
            assert process.stdout.readline() == "2\n"
            process.terminate()
            assert process.wait() == 0


@pytest.mark.slow
def test_a_signal_ends_what_waits_for_a_broker_that_is_down(environment, topic):
    command = [*COMMAND, "consume", topic, "--follow", "--url", "http://127.0.0.1:1"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Trying again." in process.stderr.readline()
        process.terminate()
    assert process.returncode == 0


@pytest.mark.slow
def test_a_token_that_is_revoked_ends_what_follows(environment, broker, topic):
    minted = broker.mint_token(topic, ["consume"])
    command = [*COMMAND, "consume", topic, "--follow", "--wait", "1s"]
    with subprocess.Popen(command, env={**environment, "TOKEN": minted.token}, stderr=subprocess.PIPE) as process:
        broker.revoke_token(minted.id)
    assert process.returncode == 4
