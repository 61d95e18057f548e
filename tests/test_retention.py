"""Retention: what is past its time goes, partition by partition, and what is still needed stays and is told of."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from broker import attempts, dead_letters, queues, retention, subscriptions, topics
from broker.errors import NotFound
from tests.topic import Topic

LATER = timedelta(days=40)


@pytest.fixture
def orders(ring):
    return Topic("orders", ring)


@pytest.fixture
def age(ring):
    """Let all that is there have been published, sent and tried forty days ago, in a partition of that time."""

    def age():
        ring.execute("SELECT ensure_partitions(now())")
        first = ring.execute("SELECT first_uuid(date_trunc('day', now(), 'UTC') - interval '41 days')").fetchone()[0]
        end = ring.execute("SELECT first_uuid(date_trunc('day', now(), 'UTC') - interval '39 days')").fetchone()[0]
        ring.execute("CREATE TABLE messages_old (LIKE messages INCLUDING ALL)")
        ring.execute(f"ALTER TABLE messages ATTACH PARTITION messages_old FOR VALUES FROM ('{first}') TO ('{end}')")
        shift = int(LATER.total_seconds() * 1000) << 80
        for table, columns in {
            "queue": ("message_id",),
            "log": ("message_id",),
            "log_spans": ("first_id", "last_id"),
        }.items():
            for column in columns:
                for (found,) in ring.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                    ring.execute(
                        f"UPDATE {table} SET {column} = %s WHERE {column} = %s", [UUID(int=found.int - shift), found]
                    )
        for (found,) in ring.execute("SELECT id FROM messages").fetchall():
            ring.execute("UPDATE messages SET id = %s WHERE id = %s", [UUID(int=found.int - shift), found])
        ring.execute("UPDATE attempts SET started_at = started_at - %s", [LATER])

    return age


def partitions(ring):
    return [
        name
        for (name,) in ring.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'messages'::regclass ORDER BY 1"
        )
    ]


def test_what_was_consumed_long_ago_goes_with_its_partition(ring, orders, age):
    [message_id] = orders.publish("a")
    orders.consume(auto_ack=True)
    age()
    orders.publish("today")

    done = retention.maintain()

    assert (done.removed, done.kept) == (["messages_old"], [])
    assert "messages_old" not in partitions(ring)
    assert ring.execute("SELECT FROM pg_class WHERE relname = 'messages_old'").fetchall() == []
    with pytest.raises(NotFound):
        queues.read("orders", message_id)
    assert orders.contents(orders.consume()) == ["today"]
    assert retention.maintain().removed == []


@pytest.mark.parametrize("fate", ["waits", "is on lease", "is dead"])
def test_what_is_in_a_queue_keeps_its_partition(ring, orders, age, fate):
    orders.publish("a")
    if fate != "waits":
        [leased] = orders.consume()
    if fate == "is dead":
        orders.settle(reject=[leased.receipt])
    age()
    done = retention.maintain()
    assert done.removed == []
    assert done.kept == [retention.Kept("messages_old", "messages wait in it, or are dead letters")]
    dead_letters.delete("orders", dead_letters.Delete())
    orders.end_leases()
    orders.consume(auto_ack=True)
    assert retention.maintain().removed == ["messages_old"]


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_owed_to_a_subscription_keeps_its_partition(ring, orders, age, paused):
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    orders.change(subscribed, paused=paused)
    orders.publish("a")
    orders.broadcast()
    age()
    kept = [retention.Kept("messages_old", "messages are owed to a subscription")]
    assert retention.maintain().kept == kept
    subscriptions.unsubscribe("orders", subscribed.id)
    assert retention.maintain().removed == ["messages_old"]


def test_the_log_of_what_was_sent_goes_with_the_messages(ring, orders, age):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a", "b")
    orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 2")
    age()
    orders.publish("c")
    orders.broadcast()
    assert retention.maintain().removed == ["messages_old"]
    assert orders.log() == [(3, "c")]
    assert ring.execute("SELECT first_seq, last_seq FROM log_spans").fetchall() == [(3, 3)]
    assert topics.read("orders").behind == 1


@pytest.mark.parametrize("at_once", [1, 3, 10_000])
def test_many_broadcasts_go_some_at_a_time(ring, orders, age, monkeypatch, at_once):
    monkeypatch.setattr(retention, "CLEARED_AT_ONCE", at_once)
    orders.subscribe("http://127.0.0.1:8000/")
    for messages in ("a", "bc", "defg", "h"):
        orders.publish(*messages)
        orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 8")
    age()
    assert retention.maintain().removed == ["messages_old"]
    assert orders.log() == []
    assert ring.execute("SELECT FROM log_spans").fetchall() == []


def test_of_a_broadcast_of_old_and_new_only_the_old_goes(ring, orders, age):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("old")
    age()
    [new] = orders.publish("new")
    orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 2")
    assert retention.maintain().removed == ["messages_old"]
    assert orders.log() == [(2, "new")]
    assert queues.read("orders", new).seq == 2


def test_removing_a_partition_holds_up_no_publisher_beside_an_idle_reader(ring, orders, age):
    orders.publish("a")
    orders.consume(auto_ack=True)
    age()
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        reader.execute("SELECT count(*) FROM messages")
        done = retention.maintain()
        assert done.kept == [retention.Kept("messages_old", "a long transaction may still read it")]
        orders.publish("b")
        assert orders.contents(orders.consume()) == ["b"]
    assert retention.maintain().removed == ["messages_old"]
    assert ring.execute("SELECT FROM pg_class WHERE relname = 'messages_old'").fetchall() == []


def test_attempts_past_the_retention_are_cleared(ring, orders, age):
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    attempt = (
        "INSERT INTO attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms)"
        " VALUES (%s, 'w', 1, 1, 1, now(), 1)"
    )
    ring.execute(attempt, [subscribed.id])
    age()
    ring.execute(attempt, [subscribed.id])
    assert retention.maintain().cleared["attempts"] == 1
    assert len(attempts.listed("orders", subscribed.id, None, 10)) == 1
