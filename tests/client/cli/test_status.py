"""status: what waits, what is late and what failed, once or again and again."""

import json
import signal
import subprocess
import sys
from uuid import uuid4

import pytest

from pgbroker.cli.pictures import trend
from pgbroker.types import Reject
from tests.client.cli.conftest import COMMAND
from tests.client.cli.terminal import terminal

COLORS = {"TERM": "xterm-256color"}


def test_topics_are_shown_with_their_counts_the_worst_first(run, broker, topic):
    worse = f"{topic}-worse"
    broker.put_topic(worse)
    broker.publish_many(worse, [{"content": n} for n in range(150)])
    broker.publish(topic, 1)
    found = run("status", "--limit", "1000").lines
    names = [each["topic"]["name"] for each in found]
    assert names.index(worse) < names.index(topic)
    shown = next(each for each in found if each["topic"]["name"] == worse)
    assert shown["topic"]["queue"]["ready"] == 150
    assert (shown["subscriptions"], "at" in shown) == (None, True)
    broker.delete_topic(worse, force=True)


def test_as_many_topics_are_read_as_are_shown(run, broker, topic):
    broker.publish_many(topic, [{"content": "x"} for _ in range(1000)])
    [shown] = run("status", "--limit", "1").lines
    assert shown["topic"]["queue"]["waiting"] >= 1000
    assert "topics with fewer messages are not shown" in run("status", "--limit", "1", "--output", "table").out
    broker.delete_topic(topic, force=True)


def test_a_topic_is_shown_with_its_subscriptions(run, broker, topic):
    broker.subscribe(topic, "http://127.0.0.1:1999/", name="billing")
    broker.publish_many(topic, [{"content": n} for n in range(3)])
    broker.change_subscription(topic, broker.list_subscriptions(topic).items[0].id, paused=True)
    broker.broadcast(topic)
    broker.publish_many(topic, [{"content": n} for n in range(2)])
    broker.settle(topic, reject=[Reject(broker.consume(topic, max=1)[0].receipt or "", "wrong")])
    [found] = run("status", topic).lines
    assert (found["topic"]["behind"], found["subscriptions"][0]["name"]) == (3, "billing")
    shown = run("status", topic, "--output", "table").out.splitlines()
    assert shown[0].split() == ["TOPIC", "WAITING", "READY", "LEASED", "DELAYED", "OLDEST", "BEHIND", "DEAD"]
    assert shown[1].split()[:5] == [topic, "1", "1", "0", "0"]
    assert shown[1].split()[-2:] == ["3", "1"]
    assert shown[4].split()[:3] == ["NAME", "BEHIND", "REDELIVERIES"]
    assert shown[5].split() == ["billing", "3", "0", "0", "0", "paused"]


def test_a_token_with_browse_alone_sees_the_topic_and_its_subscriptions(run, broker, topic):
    broker.subscribe(topic, "http://127.0.0.1:1999/hook", name="billing", headers={"Authorization": "secret"})
    token = broker.mint_token(f"browser-{topic}", ["browse"], topics=[topic])
    [found] = run("status", topic, TOKEN=token.token).lines
    assert found["topic"]["name"] == topic
    assert [(each["name"], each["headers"]) for each in found["subscriptions"]] == [
        ("billing", {"Authorization": None})
    ]


def test_a_topic_that_is_not_there_is_refused(run):
    assert run("status", "no-such-topic").code == 1
    assert run("status", "a", "--polls", "2").code == 2


@pytest.mark.slow
def test_it_is_watched_as_lines_without_a_terminal(run, topic):
    found = run("status", topic, "--watch", "1s", "--polls", "2").lines
    assert [each["topic"]["name"] for each in found] == [topic, topic]
    assert found[0]["at"] < found[1]["at"]


def test_without_a_terminal_rich_is_not_loaded(environment, topic):
    arguments = ["status", topic, "--watch", "1s", "--polls", "1"]
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pgbroker", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not [line for line in ran.stderr.splitlines() if line.rpartition("|")[2].strip().startswith("rich")]
    assert json.loads(ran.stdout)["topic"]["name"] == topic


@pytest.mark.slow
def test_a_terminal_shows_how_it_changes(environment, broker, topic):
    broker.publish(topic, 1)
    with terminal(["status", topic, "--watch", "1s"], {**environment, **COLORS}) as screen:
        screen.wait_for("TREND")
        screen.wait_for("█")
        broker.publish_many(topic, [{"content": n} for n in range(70)])
        screen.wait_for("▁█")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.end() == 0
    assert "WAITING/S" in screen.shown
    assert "BROADCAST/S" in screen.shown
    assert "+" in screen.shown
    assert "\x1b[?1049h" not in screen.shown  # no full screen
    assert screen.shown.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_ctrl_c_ends_it(environment, topic):
    with terminal(["status", topic, "--watch"], {**environment, **COLORS}) as screen:
        screen.wait_for("TREND")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    assert "Traceback" not in screen.shown


@pytest.mark.slow
def test_an_error_is_shown_above_the_last_picture(environment, broker, topic, proxy):
    through = {**environment, **COLORS, "BROKER": f"http://127.0.0.1:{proxy.port}"}
    with terminal(["status", topic, "--watch", "1s"], through, columns=100) as screen:
        screen.wait_for("TREND")
        proxy.refuse()
        screen.wait_for("Trying again in")
        screen.shown = screen.shown.rpartition("Trying again in")[2]
        screen.wait_for(topic)  # the last picture
        broker.publish_many(topic, [{"content": n} for n in range(77)])
        proxy.work()
        screen.wait_for(" 77")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.end() == 0


@pytest.mark.slow
def test_an_error_is_said_once_without_a_terminal(environment, topic, proxy):
    proxy.refuse()
    with subprocess.Popen(
        [*COMMAND, "status", topic, "--watch", "1s"],
        env={**environment, "BROKER": f"http://127.0.0.1:{proxy.port}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert "Trying again in 1 s." in process.stderr.readline()
        proxy.work()
        assert json.loads(process.stdout.readline())["topic"]["name"] == topic
        process.terminate()
        assert process.wait() == 0
        assert process.stderr.read() == ""


def test_a_token_that_is_refused_ends_it(run, topic):
    assert run("status", topic, "--watch", TOKEN=f"brk_{uuid4().hex}").code == 4


def test_numbers_are_drawn_as_bars():
    assert trend([]) == ""
    assert trend([0, 0]) == "▁▁"
    assert trend([0, 7, 14]) == "▁▅█"
    assert len(trend(list(range(100)))) == 20


@pytest.mark.slow
def test_a_deleted_topic_is_left_out(environment, broker, topic):
    other = f"{topic}-other"
    broker.put_topic(other)
    with terminal(["status", "--watch", "1s", "--limit", "1000"], {**environment, **COLORS}) as screen:
        screen.wait_for("TREND")
        broker.delete_topic(other, force=True)
        broker.publish_many(topic, [{"content": n} for n in range(88)])
        screen.wait_for(" 88")
        screen.process.send_signal(signal.SIGTERM)
        assert screen.end() == 0
