"""consume: print, acknowledge, follow, and run a command for each message."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from pgbroker import Broker
from tests.client.cli.conftest import COMMAND
from tests.support.endpoints import Endpoint, answers
from tests.support.runner import running, until

EMPTY = answers(body=b'{"messages": []}')


@pytest.fixture
def three(broker, topic):
    """Three messages that wait."""
    return broker.publish_many(topic, [{"content": {"n": n}, "key": f"k{n}"} for n in (1, 2, 3)])


def waiting(broker, topic):
    queue = broker.read_topic(topic).queue
    return queue.ready, queue.leased, queue.delayed


def test_messages_are_leased_and_printed(run, broker, topic, three):
    consumed = run("consume", topic, "--max", "2", "--lease", "10m")
    assert [each["id"] for each in consumed.lines] == three[:2]
    assert consumed.lines[0]["receipt"]
    assert waiting(broker, topic) == (1, 2, 0)


def test_nothing_is_no_error_unless_it_is_asked_for(run, topic):
    assert (run("consume", topic).code, run("consume", topic, "--fail-empty").code) == (0, 1)


@pytest.mark.usefixtures("three")
def test_messages_are_acknowledged_after_their_lines(run, broker, topic):
    assert len(run("consume", topic, "--ack").lines) == 3
    assert waiting(broker, topic) == (0, 0, 0)


@pytest.mark.usefixtures("three")
def test_messages_are_removed_as_they_are_read(run, broker, topic):
    assert [each["receipt"] for each in run("consume", topic, "--auto-ack").lines] == [None, None, None]
    assert waiting(broker, topic) == (0, 0, 0)


def test_only_the_contents_are_printed(run, broker, topic):
    broker.publish_many(topic, [{"content": "a text"}, {"content": {"a": [1]}}])
    assert run("consume", topic, "--content").out == '"a text"\n{"a":[1]}\n'
    broker.publish(topic, "a\ntext")
    assert run("consume", topic, "--content", "--output", "raw").out == "a\\ntext\n"


@pytest.mark.usefixtures("three")
def test_a_table_shows_what_is_leased(run, topic):
    assert '{"n":1}' in run("consume", topic, "--output", "table").out


def test_ways_of_settling_exclude_each_other(run, topic):
    for ways in (["--ack", "--auto-ack"], ["--exec", "true", "--ack"], ["--exec", "true", "--auto-ack"]):
        assert run("consume", topic, *ways).code == 2


@pytest.mark.slow
def test_what_a_closed_pipe_did_not_take_is_released(environment, broker, topic):
    broker.publish_many(topic, [{"content": "x" * 1000} for _ in range(100)])
    command = [*COMMAND, "consume", topic, "--max", "100", "--ack", "--lease", "1h"]
    read, write = os.pipe()
    with subprocess.Popen(command, env=environment, stdout=write, stderr=subprocess.PIPE, text=True) as process:
        os.close(write)
        os.close(read)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert waiting(broker, topic) == (100, 0, 0)


@pytest.mark.usefixtures("three")
def test_a_command_settles_by_its_exit_code(process, broker, topic, tmp_path):
    program = f'cat >> {tmp_path}/out; echo " $PGBROKER_KEY $PGBROKER_TOPIC" >> {tmp_path}/out; exit $CODE'
    done = process("consume", topic, "--exec", program, "--max", "1", CODE="0")
    failed = process("consume", topic, "--exec", program, "--max", "1", "--retry-delay", "1h", CODE="7")
    rejected = process("consume", topic, "--exec", program, CODE="65")
    assert (done.code, failed.code, rejected.code) == (0, 5, 5)
    assert (tmp_path / "out").read_text() == "".join(f'{{"n":{n}}} k{n} {topic}\n' for n in (1, 2, 3))
    assert waiting(broker, topic) == (0, 0, 1)
    assert [each.content for each in broker.list_dead_letters(topic).items] == [{"n": 3}]
    assert "exited with 7; it is ready again in 3600 s" in failed.err
    assert done.out == ""


def test_a_command_has_the_message_in_its_environment(process, broker, topic):
    message = broker.publish(topic, 1, sender="shop", attributes={"kind": "new"})
    shown = process("consume", topic, "--exec", "env")
    found = dict(line.split("=", 1) for line in shown.out.splitlines() if line.startswith("PGBROKER_"))
    assert found["PGBROKER_ID"] == message
    assert found["PGBROKER_RECEIPT"] == f"{message}.1"
    assert (found["PGBROKER_SENDER"], found["PGBROKER_KEY"], found["PGBROKER_RECEIVES"]) == ("shop", "", "1")
    assert json.loads(found["PGBROKER_ATTRIBUTES"]) == {"kind": "new"}
    assert found["PGBROKER_CREATED_AT"].endswith("+00:00")


@pytest.mark.slow
def test_the_lease_lasts_as_long_as_the_command(environment, broker, topic, tmp_path):
    message = broker.publish(topic, 1)
    os.mkfifo(tmp_path / "go")
    command = [*COMMAND, "consume", topic, "--exec", f"cat {tmp_path}/go", "--lease", "1s"]
    with subprocess.Popen(command, env=environment) as process:
        until(lambda: broker.trace_message(topic, message).leased_at)
        first = broker.trace_message(topic, message)
        until(lambda: (broker.trace_message(topic, message).ready_at or first.ready_at) > first.ready_at)
        (tmp_path / "go").write_text("")
    assert process.returncode == 0
    assert broker.trace_message(topic, message).state == "consumed"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_lets_the_command_finish(environment, broker, topic, tmp_path, number, code):
    broker.publish_many(topic, [{"content": 1}, {"content": 2}])
    os.mkfifo(tmp_path / "go")
    command = [*COMMAND, "consume", topic, "--follow", "--exec", f"touch {tmp_path}/begun; cat {tmp_path}/go"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until((tmp_path / "begun").exists)
        process.send_signal(number)
        assert process.stderr is not None
        assert "Finishing what is under way" in process.stderr.readline()
        (tmp_path / "go").write_text("")
    assert process.returncode == code
    assert waiting(broker, topic) == (1, 0, 0)


@pytest.mark.slow
def test_a_second_signal_ends_the_command_and_releases_the_message(environment, broker, topic, tmp_path):
    broker.publish(topic, 1)
    command = [*COMMAND, "consume", topic, "--exec", f"touch {tmp_path}/begun; exec sleep 600", "--lease", "1h"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until((tmp_path / "begun").exists)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert waiting(broker, topic) == (1, 0, 0)


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
