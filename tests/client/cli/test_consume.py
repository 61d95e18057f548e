"""consume: print messages, and acknowledge them."""

import os
import subprocess

import pytest

from tests.client.cli.conftest import COMMAND
from tests.client.cli.queues import waiting


@pytest.fixture
def three(broker, topic):
    """Three messages that wait."""
    return broker.publish_many(topic, [{"content": {"n": n}, "key": f"k{n}"} for n in (1, 2, 3)])


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
