"""What the broker logs of itself: lines of metrics of requests, Dispatch and Maintain, and warnings."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from broker import telemetry, topics
from broker.dispatch import measures
from broker.schema import maintenance, removal
from tests.support.client import Context, app
from tests.support.sqs import dispatch, wake_up
from tests.watch.conftest import metrics

MESSAGES = "/topics/orders/messages"
CONSUME = "/topics/orders/consume"
SETTLE = "/topics/orders/settle"


@pytest.fixture
def loop(queues, lines):
    """Run the push loop until only delayed wake-ups are left; give what its lines say."""

    def run(*records):
        dispatch(*records or [wake_up(sweep=True)])
        queues.run()
        return lines()

    return run


def total(written, name):
    return sum(metrics(line).get(name, 0) for line in written)


def test_a_publish_counts_its_messages(client, last):
    client.post(MESSAGES, {"messages": [{"content": 1}, {"content": 2}]})
    written = last()
    assert written.keys() == {"Published", "Duration"}
    assert written["Published"] == 2


def test_a_repeated_publish_publishes_nothing(client, last):
    for _ in range(2):
        client.post(MESSAGES, {"content": 1}, headers={"idempotency-key": "once"})
    assert last().keys() == {"Duration"}


def test_a_consume_counts_what_it_leases_and_how_long_the_oldest_has_waited(client, orders, owner, last):
    orders.publish("a", "b")
    owner.execute("UPDATE queue SET ready_at = now() - interval '90 s'")
    client.post(CONSUME, {"max": 2})
    written = last()
    assert written["Consumed"] == 2
    assert 90 <= written["OldestAge"] < 100


def test_a_consume_of_nothing_has_its_duration_only(client, last):
    topics.put("orders", topics.Put())
    client.post(CONSUME)
    assert last().keys() == {"Duration"}


def test_a_settle_counts_what_is_done_and_what_dies(client, orders, last):
    topics.put("orders", topics.Put(max_receives=1))
    orders.publish("done", "rejected", "released")
    done, rejected, released = (leased.receipt for leased in orders.consume())
    telemetry.forget()
    client.post(SETTLE, {"ack": [done], "reject": [rejected], "release": [released]})
    written = last()
    assert (written["Acked"], written["Dead"]) == (1, 2)


def test_a_release_with_receives_left_kills_nothing(client, orders, last):
    orders.publish("a")
    [leased] = orders.consume()
    telemetry.forget()
    client.post(SETTLE, {"release": [leased.receipt]})
    assert last().keys() == {"Duration"}


@pytest.mark.parametrize("others", [0, 1, 250])
def test_a_consume_counts_the_dead_letters_that_it_makes(client, orders, last, others):
    topics.put("orders", topics.Put(max_receives=1))
    orders.fill(120)
    orders.consume(120)
    orders.end_leases()
    if others:
        orders.fill(others)
    telemetry.forget()
    response = client.post(CONSUME, {"max": 1000})
    assert len(response.json["messages"]) == others
    written = last()
    assert (written["Dead"], written.get("Consumed", 0)) == (120, others)


def test_a_broadcast_counts_its_messages_and_those_that_die(client, orders, last):
    topics.put("orders", topics.Put(max_receives=1))
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("dead")
    orders.consume()
    orders.end_leases()
    orders.publish("a", "b")
    telemetry.forget()
    client.post("/topics/orders/broadcast")
    written = last()
    assert (written["Broadcast"], written["Dead"]) == (2, 1)


def test_a_delivery_counts_its_messages_and_how_long_they_waited_since_the_publish(
    queues, client, orders, endpoint, loop
):
    client.put("/topics/orders", {"broadcast": "auto"})
    orders.subscribe(endpoint.url)
    orders.publish("a", "b")
    telemetry.forget()
    written = loop()
    assert (total(written, "Broadcast"), total(written, "Delivered")) == (2, 2)
    [[lag]] = [metrics(line)["Lag"] for line in written if "Lag" in line]
    [age] = [metrics(line)["OldestAge"] for line in written if "OldestAge" in line]
    assert 0 < lag == age < 60


def test_a_message_of_a_manual_topic_waits_from_its_broadcast_on(subscribed, owner, loop):
    owner.execute("UPDATE log SET broadcast_at = now() - interval '90 s'")
    [line] = [line for line in loop() if "Lag" in line]
    assert 90 <= line["Lag"][0] < 100
    assert 90 <= line["OldestAge"] < 100
    assert line["oldest"] == str(subscribed.id)


def test_a_line_does_not_name_a_message_that_is_seconds_old(subscribed, loop):
    assert not any("oldest" in line for line in loop())


def test_the_id_of_a_message_says_when_it_was_published(orders):
    [message_id] = orders.publish("a")
    published = measures.published_at(f"{UUID(int=1)}_1_{message_id}_again")
    assert timedelta() <= datetime.now(UTC) - published < timedelta(seconds=60)


def test_a_failed_attempt_is_named_without_its_answer(subscribed, endpoint, loop):
    endpoint.answer(500, body=b"S3cret")
    written = loop()
    assert total(written, "Failed") == 1
    [[failure]] = [line["failures"] for line in written if "failures" in line]
    assert failure == {
        "subscription": str(subscribed.id),
        "attempt": 1,
        "status": 500,
        "reason": None,
        "action": "retry",
    }
    assert "S3cret" not in json.dumps(written)


def test_a_line_names_five_failures_and_counts_all(orders, endpoint, loop):
    for number in range(7):
        orders.subscribe(endpoint.url, name=str(number))
    orders.publish("a")
    orders.broadcast()
    telemetry.forget()
    endpoint.answer(503)
    written = loop()
    assert total(written, "Failed") == 7
    assert sum(len(line.get("failures", [])) for line in written) == 5


def test_a_subscription_that_is_disabled_is_counted(subscribed, endpoint, loop):
    endpoint.answer(410)
    written = loop()
    assert (total(written, "SubscriptionsDisabled"), total(written, "Failed"), total(written, "Dead")) == (1, 1, 0)


def test_a_refused_batch_dies_when_no_attempt_is_left(orders, endpoint, loop):
    orders.subscribe(endpoint.url, retry_schedule=[])
    orders.publish("a", "b")
    orders.broadcast()
    telemetry.forget()
    endpoint.answer(400)
    written = loop()
    assert (total(written, "Failed"), total(written, "Dead")) == (1, 2)


def test_a_redelivery_that_fails_for_the_last_time_dies(orders, endpoint, loop):
    orders.subscribe(endpoint.url, retry_schedule=[5])
    orders.publish("a")
    orders.broadcast()
    endpoint.answer(400)
    assert total(loop(), "Dead") == 0
    orders.end_waits()
    assert total(loop(), "Dead") == 1


def test_a_run_of_dispatch_with_nothing_to_count_writes_no_line(loop):
    assert loop() == []


def test_what_is_counted_before_a_failure_is_in_the_next_line(client, last):
    telemetry.count("Broadcast", 3)
    client.get("/health")
    assert last()["Broadcast"] == 3
    client.get("/health")
    assert "Broadcast" not in last()


def test_maintain_writes_what_stays_and_why(monkeypatch, lines, owner):
    stays = removal.DuePartition("19700101_000000", datetime.now(UTC) - timedelta(days=45), attached=True, busy=True)
    monkeypatch.setattr(removal, "due", lambda: [stays])
    maintenance.maintain()
    [line] = lines()
    assert metrics(line) == {"KeptPartitions": 1, "KeptPartitionAge": 45}
    assert line["kept"] == [{"partition": stays.name, "reason": removal.BUSY, "age_days": 45}]


def test_maintain_writes_its_line_when_nothing_stays_too(lines, owner):
    app("maintain").handler({}, Context(300))
    [line] = lines()
    assert metrics(line) == {"KeptPartitions": 0, "KeptPartitionAge": 0}
    assert (line["route"], line["kept"]) == ("maintain", [])


def test_maintain_says_nothing_of_partitions_that_it_could_not_list(monkeypatch, lines, owner):
    telemetry.count("Lost", 3)
    owner.execute("ALTER FUNCTION due_partitions() RENAME TO due_partitions_hidden")
    try:
        with pytest.raises(psycopg.errors.UndefinedFunction):
            maintenance.maintain()
    finally:
        owner.execute("ALTER FUNCTION due_partitions_hidden() RENAME TO due_partitions")
    [line] = lines()
    assert metrics(line) == {"Lost": 3}


def test_maintain_counts_the_messages_that_are_lost(orders, lines, owner):
    subscribed = orders.subscribe("http://127.0.0.1:8000/", backlog_days=1)
    orders.change(subscribed, paused=True)
    orders.publish("a", "b")
    orders.broadcast()
    owner.execute("UPDATE log_spans SET broadcast_at = now() - interval '2 days'")
    telemetry.forget()
    maintenance.maintain()
    assert metrics(lines()[-1])["Lost"] == 2


def test_a_warning_has_its_facts_as_fields(log_lines):
    telemetry.warn("a subscription's backlog expired", topic="orders", subscription=UUID(int=7), messages=3)
    [line] = log_lines()
    assert (line["level"], line["message"]) == ("WARNING", "a subscription's backlog expired")
    assert (line["topic"], line["subscription"], line["messages"]) == ("orders", str(UUID(int=7)), 3)


def test_the_facts_of_a_warning_are_not_in_the_next_line(log_lines):
    telemetry.warn("messages keep a partition past the retention", topic="orders")
    telemetry.warn("a partition stays past the retention", partition="19700101_000000")
    assert "topic" not in log_lines()[1]
