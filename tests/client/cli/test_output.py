"""Results are data: one object a line in a pipe, a table on a terminal, and nothing else on standard output."""

import json
import os
import subprocess

import pytest

from tests.client.cli.conftest import COMMAND
from tests.client.cli.terminal import terminal

ESCAPE = "\x1b"


def test_a_list_is_an_object_a_line(run, broker, topic):
    broker.publish_many(topic, [{"content": {"n": 1}}, {"content": {"n": 2}}])
    listed = run("peek", topic)
    assert [each["content"] for each in listed.lines] == [{"n": 1}, {"n": 2}]
    assert list(listed.lines[0])[:3] == ["id", "content", "sender"]
    assert listed.err == ""


def test_json_is_one_array(run, broker, topic):
    broker.publish_many(topic, [{"content": 1}, {"content": 2}])
    assert [each["content"] for each in json.loads(run("peek", topic, "--output", "json").out)] == [1, 2]
    assert json.loads(run("peek", topic, "--output", "json", "--key", "none").out) == []


def test_raw_is_values_between_tabs(run, broker, topic):
    broker.publish(topic, {"a": "x\ty"}, key="k\n1")
    shown = run("peek", topic, "--output", "raw", "--columns", "key,content.a,leased_at,receives,content")
    assert shown.out == 'k\\n1\tx\\ty\t\t0\t{"a":"x\\ty"}\n'


def test_columns_choose_fields_inside_of_others(run, topic):
    assert run("topics", "show", topic, "--columns", "name,queue.waiting").item == {"name": topic, "queue.waiting": 0}


def test_a_column_that_no_result_has_is_named(run, topic):
    refused = run("topics", "show", topic, "--columns", "colour")
    assert refused.code == 2
    assert "there is no field 'colour': choose from name, broadcast" in refused.err


def test_the_options_may_come_before_the_command(run, topic):
    before = run("--output", "raw", "topics", "--columns", "name", "show", topic)
    assert before.out == f"{topic}\n"
    assert run("--output", "json", "topics", "show", topic, "--output", "raw", "--columns", "name").out == f"{topic}\n"


def test_content_with_line_breaks_stays_on_its_line(run, topic):
    assert run("publish", topic, '{\n "a": 1.10,\r\n "b": 1e2\n}').code == 0
    assert '"content":{  "a": 1.10,   "b": 1e2 }' in run("peek", topic).out


def test_a_terminal_shows_a_table(environment, broker, topic):
    broker.publish(topic, {"order": 1}, key="k")
    with terminal(["peek", topic], {**environment, "TERM": "xterm-256color", "TZ": "Asia/Tokyo"}) as shown:
        assert shown.end() == 0
    head, row = shown.shown.splitlines()
    assert ESCAPE in head
    assert "READY AT" in head
    assert '{"order":1}' in row
    [waiting] = broker.browse_messages(topic).items
    assert f"{waiting.created_at.hour + 9 - (24 if waiting.created_at.hour >= 15 else 0):02}:" in row


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_none(environment, topic, quiet):
    with terminal(["topics", "show", topic], {**environment, **quiet}) as shown:
        assert shown.end() == 0
    assert topic in shown.shown
    assert ESCAPE not in shown.shown


def test_data_has_no_colours_when_they_are_forced(run, topic):
    for form in ("ndjson", "json", "raw"):
        assert ESCAPE not in run("topics", "show", topic, "--output", form, FORCE_COLOR="1").out


def test_what_steers_a_terminal_is_shown_as_text(run, broker, topic):
    broker.publish(topic, 1, key="\x1b]0;title\x07")
    shown = run("peek", topic, "--output", "table", "--columns", "key").out
    assert ESCAPE not in shown
    assert r"\x1b]0;title\x07" in shown


def test_a_table_in_a_file_is_not_cut(run, broker, topic):
    broker.publish(topic, "x" * 500)
    assert "x" * 500 in run("peek", topic, "--output", "table").out


def test_an_empty_table_says_so_beside_it(run, topic):
    shown = run("peek", topic, "--output", "table")
    assert (shown.out, shown.err) == ("", "none\n")


@pytest.mark.slow
def test_an_error_is_not_taken_for_an_empty_table(run):
    refused = run("peek", "absent", "--output", "table")
    assert (refused.code, refused.out) == (1, "")
    assert "none" not in refused.err


def test_a_reader_that_ends_early_is_no_error(environment, broker, topic):
    broker.publish_many(topic, [{"content": "x" * 1000} for _ in range(1000)])
    read, write = os.pipe()
    with subprocess.Popen(
        [*COMMAND, "peek", topic, "--limit", "all"], env=environment, stdout=write, stderr=subprocess.PIPE, text=True
    ) as process:
        os.close(write)
        os.close(read)
        _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
