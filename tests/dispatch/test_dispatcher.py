"""Dispatch: what it does with the wake-ups and the outcomes that it receives."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from broker import deadlines, in_process, topics
from broker.dispatch import dispatcher, notifier, planner
from broker.transport import queues as transport_queues
from broker.transport.payloads import Job
from broker.webhooks import worker
from tests.support import webhook_ids
from tests.support.sqs import deliver, dispatch, invoke, outcomes_of, record, seconds_from_now, wake_up

NOWHERE = "http://127.0.0.1:8000/"
UNREACHABLE = "postgresql://broker@127.0.0.1:1/broker"


def test_dispatch_plans_what_is_due_after_a_wake_up_and_sends_it_to_deliver(orders, queues, subscribed):
    assert dispatch(wake_up(topic="orders")) == []
    [sent] = queues.delivery.sent()
    assert sent["jobs"][0]["webhook_id"] == webhook_ids.batch(subscribed.id, *orders.logged())
    assert datetime.fromisoformat(sent["planned_at"]) <= datetime.now(UTC)


def test_dispatch_looks_at_all_topics_after_a_wake_up_without_a_topic(orders, invoices, queues, subscribed):
    invoices.subscribe(NOWHERE)
    invoices.publish("b")
    invoices.broadcast()
    dispatch(wake_up(topic=None))
    assert [len(sent["jobs"]) for sent in queues.delivery.sent()] == [2]


def test_a_wake_up_for_one_topic_moves_no_other_and_sends_whatever_is_due(orders, invoices, queues, subscribed):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.publish("b")
    dispatch(wake_up(topic="invoices"))
    [sent] = queues.delivery.sent()
    assert [job["subscription_id"] for job in sent["jobs"]] == [str(subscribed.id)]
    assert [content for _, content in orders.log()] == ["a"]


def test_a_wake_up_leads_to_a_post_and_its_outcome_is_recorded(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    assert deliver(*queues.delivery.take()) == []
    [request] = endpoint.requests
    assert json.loads(request.body)["messages"][0]["content"] == "a"
    outcomes = [each for each in queues.dispatch.take() if "outcomes" in each["body"]]
    assert dispatch(*outcomes) == []
    assert orders.subscription(subscribed).behind == 0


def test_dispatch_sends_the_next_batch_after_an_outcome(orders, endpoint, queues):
    subscribed = orders.subscribe(endpoint.url, batch_size=2)
    orders.publish(*range(5))
    orders.broadcast()
    dispatch(wake_up(topic="orders"))
    for _ in range(3):
        assert deliver(*queues.delivery.take()) == []
        dispatch(*queues.dispatch.take())
    assert [
        [message["content"] for message in json.loads(request.body)["messages"]] for request in endpoint.requests
    ] == [[0, 1], [2, 3], [4]]
    assert orders.subscription(subscribed).behind == 0


@pytest.mark.parametrize("wanted", [{"topic": "invoices"}, {"topic": None, "sweep": True}])
def test_dispatch_moves_what_a_wake_up_asks_for_when_outcomes_come_with_it(invoices, queues, subscribed, wanted):
    topics.put("invoices", topics.Put(broadcast="auto"))
    invoices.subscribe(NOWHERE)
    dispatch(wake_up(topic=None))  # it plans the batch of `subscribed`, and looks at the invoices as well
    [job] = (job for sent in queues.delivery.sent() for job in sent["jobs"])
    invoices.publish("b")
    dispatch(*outcomes_of(msgspec.convert(job, Job)), wake_up(**wanted))
    assert len(invoices.logged()) == 1


def test_dispatch_plans_again_until_all_that_is_due_is_sent_to_deliver(orders, queues, monkeypatch):
    monkeypatch.setattr(dispatcher, "MAX_PLANNED", 7)
    ids = {str(orders.subscribe(f"{NOWHERE}{n}").id) for n in range(30)}
    orders.publish("a")
    orders.broadcast()
    dispatch(wake_up(topic="orders"))
    assert {job["subscription_id"] for sent in queues.delivery.sent() for job in sent["jobs"]} == ids


def test_dispatch_without_time_to_plan_schedules_a_wake_up_for_the_next_second(orders, queues, subscribed):
    assert invoke("dispatch", [wake_up(topic="orders")], seconds=5) == []
    assert queues.delivery.sent() == []
    assert len(queues.pending_wake_ups()) == 1
    assert queues.dispatch.delays() == [1]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '{"wake_up": null}',
        '{"wake_up": {"topic": 1}}',
        '{"wake_up": {"not_before": "soon"}}',
        '{"wake_up": {"not_before": "2026-01-01T00:00:00"}}',
        '{"wake_up": {}, "outcomes": []}',
        '{"outcomes": [{"fence": 1}]}',
        '{"test": "no webhook-id"}',
        '{"outcomes": ' + "[" * 100_000,
    ],
)
def test_an_unreadable_message_is_dropped_and_the_others_are_handled(queues, subscribed, log_lines, body):
    assert dispatch(record(body), wake_up(topic="orders")) == []
    assert len(queues.delivery.sent()) == 1
    [line] = log_lines()
    assert (line["message"], line["route"]) == ("the broker failed", "dispatch")


def test_an_outcome_that_the_database_rejects_is_dropped_and_the_others_count(orders, queues, subscribed, log_lines):
    [job] = planner.plan(10)
    [good] = outcomes_of(job)
    impossible = json.loads(good["body"])
    impossible["outcomes"][0]["fence"] = 2**63
    assert dispatch(record(impossible), good) == []
    assert orders.subscription(subscribed).behind == 0
    assert [line["error"] for line in log_lines()] == ["NumericValueOutOfRange"]


@pytest.fixture
def outage(monkeypatch):
    """Make the database unavailable until `outage.undo()`."""
    with monkeypatch.context() as patch:
        patch.setattr(dispatcher.database.functions, "_url", lambda: UNREACHABLE)
        dispatcher.database.functions.close()
        yield patch


@pytest.fixture
def jobs(subscribed):
    """What Dispatch has planned for the subscription."""
    return planner.plan(10)


def test_dispatch_sends_each_message_again_in_seconds_while_the_database_is_unavailable(
    orders, queues, subscribed, jobs, outage, log_lines
):
    assert dispatch(*outcomes_of(*jobs), wake_up(topic="orders")) == []
    assert [line["message"] for line in log_lines()] == ["the broker failed"]
    assert queues.dispatch.delays() == [5, 5]
    outage.undo()
    dispatch(*queues.dispatch.take())
    assert orders.subscription(subscribed).behind == 0


def test_an_early_wake_up_is_sent_again_only_once_while_the_database_is_unavailable(queues, subscribed, outage):
    dispatch(wake_up(not_before=seconds_from_now(600)), wake_up(topic="orders"))
    assert len(queues.dispatch.sent()) == 2


def test_dispatch_schedules_the_next_wake_up_again_after_a_process_died_before_it_sent_it(
    orders, queues, subscribed, owner, monkeypatch
):
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 hour'")
    message = wake_up(topic="orders")
    with monkeypatch.context() as patch:
        patch.setattr(dispatcher.sqs, "send_batch", lambda *_: sys.exit())
        with pytest.raises(SystemExit):
            dispatch(message)
    dispatch({**message, "attributes": {"ApproximateReceiveCount": "2"}})
    assert [sent["wake_up"].get("topic") for sent in queues.dispatch.sent()] == [None]


def test_sqs_shows_a_message_again_when_dispatch_reaches_neither_the_database_nor_sqs(queues, outage):
    queues.dispatch.break_down()
    with pytest.raises(dispatcher.sqs.NotSent):
        dispatch(wake_up(topic="orders"))


def test_without_queues_a_wake_up_waits_in_the_process_while_the_database_is_unavailable(
    subscribed, endpoint, outage, log_lines, monkeypatch
):
    assert dispatch(wake_up(topic="orders")) == []
    assert [line["message"] for line in log_lines()] == ["the broker failed"]
    outage.undo()
    later = time.time() + 6
    monkeypatch.setattr(transport_queues.time, "time", lambda: later)
    in_process.run()
    assert len(endpoint.requests) == 1


def test_a_message_published_to_an_auto_topic_is_sent_without_a_broadcast_call(client, orders, endpoint, queues):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe(endpoint.url)
    assert client.post("/topics/orders/messages", {"content": "a"}).status == 201
    assert endpoint.requests == []
    queues.run()
    assert [json.loads(request.body)["messages"][0]["content"] for request in endpoint.requests] == ["a"]


def test_waiting_messages_are_sent_when_their_topic_becomes_an_auto_topic(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    assert client.patch("/topics/orders", {"broadcast": "auto"}).status == 200
    queues.run()
    assert len(endpoint.requests) == 1


def test_messages_waiting_in_an_auto_topic_are_sent_to_its_first_subscription(client, orders, endpoint, queues):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.publish("a")
    assert client.post("/topics/orders/subscriptions", {"url": endpoint.url}).status == 201
    queues.run()
    assert len(endpoint.requests) == 1


def test_a_redriven_dead_letter_is_sent_to_its_subscription(client, orders, endpoint, queues):
    subscribed = orders.subscribe(endpoint.url, retry_schedule=[])
    endpoint.answer(404, times=1)
    orders.publish("a")
    client.post("/topics/orders/broadcast")
    queues.run()
    assert orders.subscription(subscribed).behind == 0
    notifier.forget()
    request = {"subscription": str(subscribed.id)}
    assert client.post("/topics/orders/dead-letters/redrive", request).json["redriven"] == 1
    queues.run()
    assert len(endpoint.requests) == 2


def test_dispatch_sends_as_fast_as_the_rate_allows_and_no_faster(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url, batch_size=1, rate_per_second=10)
    orders.publish(*range(6))
    client.post("/topics/orders/broadcast")
    started = time.monotonic()
    queues.run()
    assert len(endpoint.requests) == 6
    assert 0.5 <= time.monotonic() - started < 5  # a delay of SQS, between any two, would be a second


def test_dispatch_without_queues_posts_in_its_own_process(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    orders.broadcast()
    assert dispatch(wake_up(topic="orders")) == []
    assert len(endpoint.requests) == 1


def test_a_lease_is_longer_than_the_maximum_age_of_a_job_and_its_post():
    assert timedelta(seconds=planner.LEASE_SECONDS) > worker.MAX_JOB_AGE + timedelta(seconds=deadlines.DELIVER_SECONDS)
