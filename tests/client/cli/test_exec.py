"""consume --exec: a command for each message, which settles it by its exit code."""

import json
import os
import signal
import subprocess

import pytest

from tests.client.cli.conftest import COMMAND
from tests.client.cli.queues import waiting
from tests.support.runner import until


def test_a_command_settles_by_its_exit_code(process, broker, topic, tmp_path):
    broker.publish_many(topic, [{"content": {"n": n}, "key": f"k{n}"} for n in (1, 2, 3)])
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
