"""topics, peek, explain, cancel and dead."""

from datetime import UTC, datetime, timedelta

import pytest

from pgbroker.types import Reject, Release
from tests.client.cli.terminal import terminal


def test_a_topic_is_created_set_and_deleted(run):
    name = f"t-{datetime.now(UTC).timestamp()}"
    made = run("topics", "create", name, "--broadcast", "auto", "--lease", "2m", "--max-receives", "none").item
    assert (made["broadcast"], made["lease_seconds"], made["max_receives"], made["dead_days"]) == (
        "auto",
        120,
        None,
        30,
    )
    changed = run("topics", "set", name, "--dead-days", "90").item
    assert (changed["broadcast"], changed["dead_days"]) == ("auto", 90)
    assert run("topics", "create", name).item["broadcast"] == "manual"
    assert name in {each["name"] for each in run("topics", "ls").lines}
    assert [each["name"] for each in run("topics", "ls", "--search", name[2:].upper()).lines] == [name]
    assert run("topics", "rm", name, "--yes").code == 0


def test_a_topic_in_use_is_deleted_by_force_only(run, broker, topic):
    broker.publish(topic, 1)
    assert run("topics", "rm", topic, "--yes").code == 1
    assert run("topics", "rm", topic, "--yes", "--force").code == 0


def test_what_would_be_lost_with_a_topic_is_counted(run, broker, topic):
    broker.publish(topic, 1)
    counted = run("topics", "rm", topic, "--dry-run").item
    assert (counted["queue"]["waiting"], counted["subscriptions"]) == (1, 0)
    assert run("topics", "show", topic).code == 0


def test_a_terminal_asks_before_it_deletes(environment, run, topic):
    for answer, code, left in (("n", 1, 0), ("y", 0, 1)):
        with terminal(["topics", "rm", topic], environment) as screen:
            screen.wait_for(f"Delete the topic {topic}? [y/N]: ")
            screen.type(f"{answer}\n")
            assert screen.end() == code
        assert run("topics", "show", topic).code == left


def test_what_waits_is_filtered(run, broker, topic):
    broker.publish(topic, 1, key="a", sender="x")
    broker.publish(topic, 2, key="b", sender="y")
    hour_ago, soon = (datetime.now(UTC) + timedelta(hours=by) for by in (-1, 1))
    assert [each["content"] for each in run("peek", topic, "--key", "a").lines] == [1]
    assert [each["content"] for each in run("peek", topic, "--sender", "y").lines] == [2]
    assert len(run("peek", topic, "--since", "1h", "--until", soon.isoformat()).lines) == 2
    assert run("peek", topic, "--until", hour_ago.isoformat()).lines == []


def test_a_limit_says_that_there_is_more(run, broker, topic):
    broker.publish_many(topic, [{"content": n} for n in range(3)])
    assert len(run("peek", topic, "--limit", "2").lines) == 2
    assert "There are more than 2: --limit all" in run("peek", topic, "--limit", "2", "--output", "table").err
    assert run("peek", topic, "--limit", "3", "--output", "table").err == ""
    assert len(run("peek", topic, "--limit", "all").lines) == 3


def test_a_message_is_cancelled(run, broker, topic):
    message = broker.publish(topic, 1)
    assert run("cancel", topic, message, "--yes").code == 0
    assert run("cancel", topic, message, "--yes").code == 1
    assert run("cancel", topic, message, "--yes", "--missing-ok").code == 0


@pytest.fixture
def dead(broker, topic):
    """Two dead letters with different reasons."""
    broker.publish_many(topic, [{"content": 1}, {"content": 2}])
    first, second = broker.consume(topic)
    broker.settle(topic, reject=[Reject(first.receipt, "a"), Reject(second.receipt, "b")])
    return first.id, second.id


def test_dead_letters_are_redriven_by_filter_or_id(run, broker, topic, dead):
    assert [each["reason"] for each in run("dead", "ls", topic).lines] == ["a", "b"]
    counted = {"matched": 1, "redriven": 0, "complete": True}
    assert run("dead", "redrive", topic, "--reason", "a", "--dry-run").item == counted
    assert run("dead", "redrive", topic, "--reason", "a").item == {"matched": 1, "redriven": 1, "complete": True}
    assert run("dead", "redrive", topic, dead[1], "--delay", "1h").item["redriven"] == 1
    assert broker.read_topic(topic).queue.delayed == 1


def test_dead_letters_are_deleted(run, topic, dead):
    assert run("dead", "rm", topic, "--dry-run").item == {"matched": 2, "deleted": 0, "complete": True}
    refused = run("dead", "rm", topic)
    assert (refused.code, "Delete 2 dead letters" in refused.err) == (2, True)
    assert run("dead", "rm", topic, "--since", "1h", "--yes").item["deleted"] == 2
    assert run("dead", "ls", topic).lines == []


def explained(run, topic, message):
    return run("explain", topic, message, "--output", "table").out


def test_a_message_that_waits_is_explained(run, broker, topic):
    message = broker.publish(topic, {"order": 1}, key="k", attributes={"kind": "new"})
    words = explained(run, topic, message)
    assert 'content  {"order":1}' in words
    assert "with     kind=new" in words
    assert f"where    In the queue of {topic}, ready since" in words
    assert "No consumer has leased it yet." in words
    assert run("explain", topic, message).item["state"] == "waiting"


def test_a_message_that_is_leased_delayed_or_consumed_is_explained(run, broker, topic):
    message = broker.publish(topic, 1)
    [leased] = broker.consume(topic)
    assert "for the first time" in explained(run, topic, message)
    broker.settle(topic, release=[Release(leased.receipt or "", 600)])
    assert "Delayed in the queue" in explained(run, topic, message)
    assert "It is ready in" in explained(run, topic, message)
    message = broker.publish(topic, 2)
    broker.consume(topic, auto_ack=True)
    assert f"It has left {topic}." in explained(run, topic, message)


def test_a_dead_letter_is_explained(run, topic, dead):
    words = explained(run, topic, dead[0])
    assert "why      A; it died" in words
    assert f"pgbroker dead redrive {topic} {dead[0]}" in words


def test_a_broadcast_message_is_explained_for_each_subscription(run, broker, topic):
    subscription = broker.subscribe(topic, "http://127.0.0.1:1999/", name="bill ing")
    message = broker.publish(topic, 1)
    assert run("broadcast", topic, "--dry-run").item["messages"] == 1
    assert run("broadcast", topic).item["messages"] == 1
    assert "1 of 1 subscriptions do not have it yet." in explained(run, topic, message)
    assert "to bill ing: not delivered yet" in explained(run, topic, message)
    broker.change_subscription(topic, subscription.id, paused=True)
    assert f"pgbroker subscriptions resume {topic} 'bill ing'" in explained(run, topic, message)


def test_a_broadcast_without_subscriptions_says_so(run, broker, topic):
    broker.publish(topic, 1)
    sent = run("broadcast", topic)
    assert (sent.item["messages"], sent.err) == (0, f"The topic {topic} has no subscription.\n")
