"""publish --lines: parts of many messages, which are safe to repeat, and lines that are refused by their number."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgbroker.cli.parts import MAX_LINE_BYTES, message_of, parts
from tests.client.cli.conftest import COMMAND
from tests.client.cli.terminal import terminal
from tests.support.endpoints import Endpoint, answers
from tests.support.runner import ROOT, until


@pytest.fixture
def lines(tmp_path: Path):
    """Write a file of so many lines; `changed` are other ones."""

    def write(count: int, changed: dict[int, str] | None = None) -> Path:
        file = tmp_path / "lines.ndjson"
        file.write_text("".join(f"{(changed or {}).get(n, n)}\n" for n in range(1, count + 1)))
        return file

    return write


def contents(broker, topic):
    return [each.content for each in broker.iterate(broker.browse_messages, topic, limit=1000)]


def test_each_line_is_a_message(run, broker, topic):
    published = run("publish", topic, "--lines", "--key", "k", stdin='{"a": 1}\n\n  [2]\r\n"three"')
    assert {**published.item, "seconds": 0} == {"messages": 3, "replayed": 0, "requests": 1, "seconds": 0}
    assert contents(broker, topic) == [{"a": 1}, [2], "three"]
    assert {each.key for each in broker.browse_messages(topic).items} == {"k"}


def test_a_line_may_be_any_text(run, broker, topic):
    assert run("publish", topic, "--lines", "--text", stdin='{not json\na "quoted" one\n').code == 0
    assert contents(broker, topic) == ["{not json", 'a "quoted" one']


def test_nothing_is_nothing(run, topic):
    assert run("publish", topic, "--lines", stdin="\n \n").item["messages"] == 0


def test_a_file_that_is_published_again_is_not_stored_again(run, broker, topic, lines):
    file = lines(2_500)
    first = run("publish", topic, "--lines", "--file", str(file)).item
    again = run("publish", topic, "--lines", "--file", str(file))
    assert (first["messages"], first["replayed"], first["requests"]) == (2500, 0, 3)
    assert (again.item["messages"], again.item["replayed"]) == (2500, 2500)
    assert again.err == "2,500 of the messages were stored before.\n"
    assert sorted(contents(broker, topic)) == list(range(1, 2501))


def test_after_a_line_is_mended_only_the_rest_is_stored(run, broker, topic, lines):
    refused = run("publish", topic, "--lines", "--file", str(lines(3_500, {2_501: "{broken"})), "--output", "table")
    assert refused.code == 1
    assert refused.err.startswith("Error: line 2501: it is not JSON: ")
    assert refused.err.endswith("\n2,000 messages are stored: lines 1 to 2000.\n")
    mended = run("publish", topic, "--lines", "--file", str(lines(3_500, {2_501: "2501"})))
    assert (mended.item["messages"], mended.item["replayed"]) == (3500, 2000)
    assert sorted(contents(broker, topic)) == list(range(1, 3501))


def test_lines_of_a_pipe_are_safe_to_repeat_with_a_key(run, broker, topic, lines):
    text = lines(1_500).read_text()
    for key in ("import-7", "import-7", None):
        options = ["--idempotency-key", key] if key else []
        assert run("publish", topic, "--lines", *options, stdin=text).code == 0
    assert len(contents(broker, topic)) == 3000


def test_a_line_that_ends_its_message_is_refused(run, broker, topic):
    refused = run("publish", topic, "--lines", stdin='1\n2},{"content":3\n')
    assert refused.code == 1
    assert "line 2: it is not JSON" in refused.problem["detail"]
    assert "0 messages are stored." in refused.problem["detail"]
    assert contents(broker, topic) == []


def test_a_line_that_is_too_large_is_named(run, topic):
    refused = run("publish", topic, "--lines", stdin=f'1\n"{"x" * MAX_LINE_BYTES}"\n')
    assert "line 2: it is over 262,144 bytes" in refused.problem["detail"]


def test_a_line_that_the_broker_refuses_is_named(run, topic):
    almost = "x" * (MAX_LINE_BYTES - 2)  # with its key, the message is too large
    refused = run("publish", topic, "--lines", "--key", "k", stdin=f'1\n\n"{almost}"\n')
    assert refused.code == 1
    assert refused.problem["detail"] == "line 3: the message is over 262144 bytes\n0 messages are stored."


def test_a_fault_of_the_whole_request_names_the_lines(run, topic):
    refused = run("publish", topic, "--lines", "--idempotency-key", "no spaces", stdin="1\n2\n")
    assert refused.code == 1
    assert refused.problem["detail"].startswith("Idempotency-Key: ")


def test_parts_have_at_most_a_thousand_lines_and_4_mib(tmp_path):
    (tmp_path / "a").write_bytes(
        b"1\n" * 2_001 + b'"' + b"x" * 200_000 + b'"\n' + (b'"' + b"y" * 200_000 + b'"\n') * 50
    )
    with (tmp_path / "a").open("rb") as stream:
        found = list(parts(stream, message_of({"key": None}, text=False)))
    assert [len(part.messages) for part in found][:3] == [1000, 1000, 21]
    assert max(sum(map(len, part.messages)) for part in found) < 4 * 1024 * 1024
    assert [part.begin for part in found[1:]] == [part.end for part in found[:-1]]
    assert found[0].lines == (1, 1000)


def test_what_is_stored_is_said_when_the_broker_ends(run, topic, lines):
    with Endpoint() as endpoint:
        endpoint.does(answers(201, body=b'{"ids": []}'), times=2)
        endpoint.does(answers(500, body=b"{}"))
        options = ["--url", endpoint.url, "--timeout", "1s", "--concurrency", "1"]
        refused = run("publish", topic, "--lines", "--file", str(lines(5_000)), *options)
    assert refused.code == 3
    assert "lines 2001 to 3000: " in refused.problem["detail"]
    assert refused.problem["detail"].endswith("2,000 messages are stored: lines 1 to 2000.")


@pytest.mark.slow
def test_ctrl_c_says_what_is_stored(environment, broker, topic):
    with subprocess.Popen(
        [*COMMAND, "publish", topic, "--lines", "--output", "table"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(b"%d\n" % n for n in range(8_500)))
        process.stdin.flush()
        until(lambda: broker.read_topic(topic).queue.waiting)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert process.returncode == 130
    assert out == b""
    stored = len(contents(broker, topic))
    assert f"interrupted\n{stored:,} messages are stored: lines 1 to {stored}." in err.decode()


@pytest.mark.slow
def test_a_bar_moves_on_a_terminal_only(environment, topic, lines):
    file = str(lines(3_000))
    for options, shown in (([], True), (["--no-progress"], False)):
        with terminal(
            ["publish", topic, "--lines", "--file", file, *options], {**environment, "TERM": "xterm"}
        ) as screen:
            assert screen.end() == 0
        assert ("3,000 messages" in screen.shown or "100%" in screen.shown) is shown


@pytest.mark.slow
def test_memory_stays_flat(environment, topic, tmp_path):
    """30 MB of lines take no more memory than 3 MB."""
    used = []
    for count in (15_000, 150_000):
        file = tmp_path / f"{count}.ndjson"
        file.write_bytes((b'"' + b"x" * 198 + b'"\n') * count)
        ran = subprocess.run(
            [
                sys.executable,
                str(ROOT / "bench" / "peak.py"),
                *COMMAND,
                "publish",
                topic,
                "--lines",
                "--file",
                str(file),
            ],
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        used.append(int(ran.stdout.split()[-2]))
    assert used[1] < 1.3 * used[0]
