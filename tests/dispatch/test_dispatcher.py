"""Dispatch: what it does with wake-ups and outcomes."""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from broker import topics
from broker.dispatch import dispatcher, notifier, planner
from broker.webhooks import sender, worker
from tests.support.client import Context, app
from tests.support.sqs import deliver, dispatch, invoke, outcomes_of, record, seconds_from_now, wake_up

NOWHERE = "http://127.0.0.1:8000/"
UNREACHABLE = "postgresql://broker@127.0.0.1:1/broker"


def test_a_wake_up_plans_what_is_due_and_hands_it_to_deliver(queues, subscribed):
    assert dispatch(wake_up(topic="orders")) == []
    [sent] = queues.delivery.sent()
    assert sent["jobs"][0]["webhook_id"] == f"{subscribed.id}_1_1_1"
    assert datetime.fromisoformat(sent["planned_at"]) <= datetime.now(UTC)


def test_a_wake_up_of_no_topic_looks_at_all(orders, invoices, queues, subscribed):
    invoices.subscribe(NOWHERE)
    invoices.publish("b")
    invoices.broadcast()
    dispatch(wake_up(topic=None))
    assert [len(sent["jobs"]) for sent in queues.delivery.sent()] == [2]


def test_a_wake_up_of_a_topic_looks_at_no_other(orders, invoices, queues, subscribed):
    dispatch(wake_up(topic="invoices"))
    assert queues.delivery.sent() == []


def test_from_wake_up_to_webhook_and_back(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    assert deliver(*queues.delivery.take()) == []
    [request] = endpoint.requests
    assert json.loads(request.body)["messages"][0]["content"] == "a"
    told = [each for each in queues.dispatch.take() if "outcomes" in each["body"]]
    assert dispatch(*told) == []
    assert orders.subscription(subscribed).behind == 0


def test_an_outcome_lets_the_next_batch_be_sent(orders, endpoint, queues):
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


def test_more_than_one_plan_holds_are_all_handed_on(orders, queues, monkeypatch):
    monkeypatch.setattr(dispatcher, "MAX_PLANNED", 7)
    ids = {str(orders.subscribe(f"{NOWHERE}{n}").id) for n in range(30)}
    orders.publish("a")
    orders.broadcast()
    dispatch(wake_up(topic="orders"))
    assert {job["subscription_id"] for sent in queues.delivery.sent() for job in sent["jobs"]} == ids


def test_what_there_was_no_time_for_is_woken_for_at_once(orders, queues, subscribed):
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
        '{"outcomes": ' + "[" * 100_000,
    ],
)
def test_a_message_that_makes_no_sense_is_dropped_and_the_others_are_done(queues, subscribed, log_lines, body):
    assert dispatch(record(body), wake_up(topic="orders")) == []
    assert len(queues.delivery.sent()) == 1
    [line] = log_lines()
    assert (line["message"], line["route"]) == ("the broker failed", "dispatch")


def test_an_outcome_that_the_database_never_takes_is_dropped_and_the_others_count(
    orders, queues, subscribed, log_lines
):
    [job] = planner.plan(None, 10)
    [good] = outcomes_of(job)
    impossible = json.loads(good["body"])
    impossible["outcomes"][0]["fence"] = 2**40
    assert dispatch(record(impossible), good) == []
    assert orders.subscription(subscribed).behind == 0
    assert [line["error"] for line in log_lines()] == ["NumericValueOutOfRange"]


@pytest.fixture
def away(monkeypatch):
    """Let the database be away until it is told to come back."""
    with monkeypatch.context() as outage:
        outage.setattr(dispatcher.database.functions, "_url", lambda: UNREACHABLE)
        dispatcher.database.functions.close()
        yield outage


@pytest.fixture
def planned(subscribed):
    return planner.plan(None, 10)


def test_while_the_database_is_away_all_comes_again_in_seconds(orders, queues, subscribed, planned, away, log_lines):
    assert dispatch(*outcomes_of(*planned), wake_up(topic="orders")) == []
    assert [line["message"] for line in log_lines()] == ["the broker failed"]
    assert queues.dispatch.delays() == [5, 5]
    away.undo()
    dispatch(*queues.dispatch.take())
    assert orders.subscription(subscribed).behind == 0


def test_a_wake_up_that_came_too_early_is_sent_on_once_when_the_database_goes_away(queues, subscribed, away):
    dispatch(wake_up(not_before=seconds_from_now(600)), wake_up(topic="orders"))
    assert len(queues.dispatch.sent()) == 2


def test_what_comes_again_sends_the_wake_up_that_may_never_have_been_sent(
    orders, queues, subscribed, owner, monkeypatch
):
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 hour'")
    message = wake_up(topic="orders")
    with monkeypatch.context() as killed:
        killed.setattr(dispatcher.sqs, "send", lambda *_: sys.exit())
        with pytest.raises(SystemExit):
            dispatch(message)
    dispatch({**message, "attributes": {"ApproximateReceiveCount": "2"}})
    assert [sent["wake_up"].get("topic") for sent in queues.dispatch.sent()] == [None]


def test_when_nothing_can_be_sent_again_either_sqs_gives_it_back(queues, away):
    queues.dispatch.break_down()
    with pytest.raises(dispatcher.sqs.NotSent):
        dispatch(wake_up(topic="orders"))


def test_without_queues_a_database_that_is_away_is_an_error(away):
    with pytest.raises(dispatcher.DatabaseUnavailable):
        dispatch(wake_up(topic="orders"))


def test_what_is_published_to_an_auto_topic_goes_out_by_itself(client, orders, endpoint, queues):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe(endpoint.url)
    assert client.post("/topics/orders/messages", {"content": "a"}).status == 201
    assert endpoint.requests == []
    queues.run()
    assert [json.loads(request.body)["messages"][0]["content"] for request in endpoint.requests] == ["a"]


def test_what_waits_in_a_topic_goes_out_once_it_is_auto(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    assert client.patch("/topics/orders", {"broadcast": "auto"}).status == 200
    queues.run()
    assert len(endpoint.requests) == 1


def test_what_waits_in_an_auto_topic_goes_to_the_first_who_subscribes(client, orders, endpoint, queues):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.publish("a")
    assert client.post("/topics/orders/subscriptions", {"url": endpoint.url}).status == 201
    queues.run()
    assert len(endpoint.requests) == 1


def test_what_is_redriven_to_a_subscription_is_sent(client, orders, endpoint, queues):
    subscribed = orders.subscribe(endpoint.url, retry_schedule=[])
    endpoint.answer(404, times=1)
    orders.publish("a")
    client.post("/topics/orders/broadcast")
    queues.run()
    assert orders.subscription(subscribed).behind == 0
    notifier.forget()
    wish = {"subscription": str(subscribed.id)}
    assert client.post("/topics/orders/dead-letters/redrive", wish).json["redriven"] == 1
    queues.run()
    assert len(endpoint.requests) == 2


def test_a_rate_is_kept_and_not_undercut(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url, batch_size=1, rate_per_second=10)
    orders.publish(*range(6))
    client.post("/topics/orders/broadcast")
    started = time.monotonic()
    queues.run()
    assert len(endpoint.requests) == 6
    assert 0.5 <= time.monotonic() - started < 3


def test_an_event_without_records_looks_at_all(orders, queues, subscribed):
    answer = app("dispatch").handler({}, Context())
    assert len(queues.delivery.sent()) == 1
    assert datetime.fromisoformat(answer["next_due_at"]) == orders.subscription(subscribed).due_at


def test_a_dispatch_without_queues_sends_by_itself(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    orders.broadcast()
    assert dispatch(wake_up(topic="orders")) == []
    assert len(endpoint.requests) == 1


def test_a_lease_outlives_the_oldest_job():
    assert timedelta(seconds=planner.LEASE_SECONDS) > worker.MAX_JOB_AGE + timedelta(seconds=sender.SEND_SECONDS)
