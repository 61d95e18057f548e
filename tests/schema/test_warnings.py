"""What Maintain logs: what stays, what ended and what was lost, by names, counts and reasons, and never content."""

import json

import psycopg
import pytest

from broker import topics
from broker.schema import maintenance, removal
from tests.support import partitions
from tests.support.topic import Topic

pytestmark = pytest.mark.usefixtures("old_partition")

OLD = "19700101_000000"
SECRET = "T0pSecret"
OF_EVERY_LINE = {"level", "location", "timestamp", "service"}


@pytest.fixture
def orders(ring):
    return Topic("orders", ring)


@pytest.fixture
def old_partition(ring):
    """Partitions from forty days ago to now: the first, OLD, ends before the retention."""
    partitions.drop_all(ring)
    ring.execute("SELECT ensure_partitions(now() - interval '41 days', now())")


@pytest.fixture
def facts(log_lines):
    """Run Maintain; give the facts of each line that it logs."""

    def facts():
        maintenance.maintain()
        assert SECRET not in str(log_lines())
        assert {line["level"] for line in log_lines()} <= {"WARNING"}
        return [{name: value for name, value in line.items() if name not in OF_EVERY_LINE} for line in log_lines()]

    return facts


def stays(reason, age_days):
    return {
        "message": "a partition stays past the retention",
        "partition": OLD,
        "reason": reason,
        "age_days": age_days,
    }


def metrics(capsys):
    [line] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"KeptPartitions"' in line]
    return line["KeptPartitions"], line["KeptPartitionAge"]


def test_maintain_logs_nothing_when_nothing_stays_ended_or_was_lost(orders, facts, capsys):
    orders.publish("a")
    assert facts() == []
    assert metrics(capsys) == (0, 0)


def test_a_partition_that_stays_is_logged_with_what_its_topic_needs(ring, orders, facts, capsys):
    orders.publish(SECRET)
    orders.fill(10_000)
    partitions.make_older(ring, 40)

    kept, stayed = facts()

    assert kept == {
        "message": "messages keep a partition past the retention",
        "partition": OLD,
        "topic": "orders",
        "why": "waiting",
        "messages": 10_001,
    }
    assert 30 < stayed["age_days"] <= 40
    assert stayed == stays(removal.NEEDED, stayed["age_days"])
    assert metrics(capsys) == (1, stayed["age_days"])


def test_a_partition_that_stays_is_logged_with_what_a_subscription_needs(ring, orders, facts):
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    orders.fill(10_001)
    orders.broadcast()
    partitions.make_older(ring, 40)

    kept, _ = facts()

    assert (kept["topic"], kept["subscription"]) == ("orders", str(subscribed.id))
    assert (kept["why"], kept["messages"]) == ("undelivered", 10_001)


def test_a_partition_that_an_open_transaction_uses_is_logged_with_that_reason(ring, facts):
    with psycopg.connect(ring.info.dsn, password=ring.info.password) as publisher:
        publisher.execute(f'LOCK TABLE broker."messages_{OLD}" IN ROW EXCLUSIVE MODE')
        [stayed] = facts()
    assert stayed == stays(removal.BUSY, stayed["age_days"])


def test_dead_letters_that_ended_are_counted_by_topic(ring, orders, facts):
    topics.put("orders", topics.Put(dead_days=3))
    orders.publish(SECRET, SECRET)
    orders.settle(reject=[{"receipt": leased.receipt, "reason": SECRET} for leased in orders.consume()])
    ring.execute("UPDATE queue SET died_at = died_at - interval '4 days'")

    assert facts() == [
        {"message": "dead letters ended after their topic's dead_days", "topic": "orders", "messages": 2}
    ]


def test_a_backlog_that_expired_is_counted_by_subscription(ring, orders, facts):
    subscribed = orders.subscribe("http://127.0.0.1:8000/", backlog_days=1)
    orders.publish(SECRET, SECRET, SECRET)
    orders.broadcast()
    orders.change(subscribed, paused=True)
    partitions.make_older(ring, 2)

    assert facts() == [
        {
            "message": "a subscription's backlog expired",
            "topic": "orders",
            "subscription": str(subscribed.id),
            "messages": 3,
        }
    ]
