"""The notifier: what makes it send a wake-up, how many it sends, and that nothing depends on them."""

import time
from datetime import datetime

import pytest

from broker import settings
from broker.dispatch import notifier
from broker.errors import DatabaseUnavailable
from broker.schema import maintenance
from broker.transport import payloads, sqs
from broker.transport.queues import dispatch_in_memory
from tests.support.client import Context, app
from tests.support.sqs import dispatch


@pytest.fixture
def clock(monkeypatch):
    """A clock for the notifier, which only the test moves: `clock(0.5)` by half a second."""
    now = [1_000_000.0]

    def move(seconds):
        now[0] += seconds

    monkeypatch.setattr(notifier.time, "time", lambda: now[0])
    return move


def test_the_first_notification_sends_a_wake_up_at_once(queues):
    notifier.notify("orders")
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}]
    assert queues.dispatch.delays() == [0]


def requested_looks(queues):
    """When Dispatch must look: milliseconds since the start of the test's clock; None: when the wake-up arrives."""
    moments = [sent["wake_up"].get("not_before") for sent in queues.dispatch.sent()]
    assert set(queues.dispatch.delays()) == {0}  # Dispatch itself waits: SQS delays by whole seconds only
    return [each and round(1000 * (datetime.fromisoformat(each).timestamp() - 1_000_000)) for each in moments]


def test_many_notifications_at_once_send_one_wake_up_for_now_and_one_for_soon(queues, clock):
    for _ in range(40):
        notifier.notify("orders")
        clock(0.0009)
    assert requested_looks(queues) == [None, 50]


def test_continuous_notifications_send_one_wake_up_each_interval(queues, clock):
    for _ in range(200):
        notifier.notify("orders")
        clock(0.001)
    assert requested_looks(queues) == [None, 50, 100, 150, 200, 250]


def test_a_notification_after_the_interval_sends_a_wake_up_at_once(queues, clock):
    for _ in range(3):
        notifier.notify("orders")
        clock(0.06)
    assert requested_looks(queues) == [None, None, None]


def test_a_wake_up_does_not_cover_a_notification_after_it_may_have_arrived(queues, clock):
    for pause in (0, 0.01, 0.035):
        clock(pause)
        notifier.notify("orders")
    assert requested_looks(queues) == [None, 50, 100]


def test_a_clock_that_is_set_back_suppresses_no_wake_up(queues, clock):
    notifier.notify("orders")
    notifier.notify("orders")
    clock(-3600)
    notifier.notify("orders")
    assert requested_looks(queues) == [None, 50, None]


def test_wake_ups_are_limited_for_each_topic_on_its_own(queues):
    notifier.notify("orders")
    notifier.notify("invoices")
    assert queues.dispatch.delays() == [0, 0]


def topics_sent(queues):
    """The topics of the wake-ups in DispatchQueue; None: a sweep."""
    return [sent["wake_up"].get("topic") for sent in queues.dispatch.sent()]


def test_a_notification_that_fails_is_logged(queues, log_lines):
    queues.dispatch.break_down()
    notifier.notify("orders")
    [line] = log_lines()
    assert (line["error"], line["reason"], line["route"]) == ("CallFailed", "QueueDoesNotExist", "notifier")


def test_a_request_waits_half_a_second_for_sqs_at_most():
    assert notifier.SEND_SECONDS <= 0.5


@pytest.fixture
def silent(aws, monkeypatch):
    """An SQS that does not answer, for which the notifier waits but a moment."""
    monkeypatch.setattr(notifier, "SEND_SECONDS", 0.2)
    aws.hang()
    return aws


def test_a_silent_sqs_is_left_alone_for_seconds(silent, queues, clock, log_lines):
    began = time.monotonic()
    notifier.notify("orders")
    assert time.monotonic() - began < sqs.SEND_SECONDS
    for topic in ("invoices", "orders", None):
        clock(1)
        notifier.notify(topic)
    assert (len(silent.wait_for(1)), len(log_lines())) == (1, 1)
    clock(notifier.REST_SECONDS)
    notifier.notify("orders")
    assert len(silent.wait_for(2)) == 2


def test_what_was_not_sent_is_sent_with_a_later_request_in_its_order(silent, queues, clock):
    for topic in ("orders", "invoices", "orders"):
        notifier.notify(topic)
    silent.recover()
    notifier.notify("news")
    assert topics_sent(queues) == []
    clock(notifier.REST_SECONDS)
    notifier.notify("orders")
    assert topics_sent(queues) == ["orders", "invoices", "news"]
    notifier.notify(None)
    assert len(topics_sent(queues)) == 3


def test_any_request_sends_what_was_not_sent(client, orders, silent, queues, clock):
    notifier.notify("orders")
    silent.recover()
    clock(notifier.REST_SECONDS)
    client.get("/topics")
    assert topics_sent(queues) == ["orders"]


def test_a_wake_up_for_soon_that_is_sent_late_says_its_first_time(aws, queues, clock):
    notifier.notify("orders")
    aws.answer(400, times=1)
    notifier.notify("orders")
    clock(notifier.REST_SECONDS)
    notifier.notify(None)
    assert requested_looks(queues) == [None, 50]


def test_what_sqs_took_of_several_is_not_sent_again(aws, queues, clock):
    aws.answer(400)
    for nth in range(12):
        notifier.notify(f"topic-{nth}")
    aws.recover()
    aws.does(aws.moto, times=1)
    aws.answer(400, times=1)
    for _ in range(2):
        clock(notifier.REST_SECONDS)
        notifier.notify(None)
    assert topics_sent(queues) == [f"topic-{nth}" for nth in range(12)]


def test_one_sweep_replaces_more_wake_ups_than_are_kept(silent, queues, clock):
    for nth in range(notifier.MAX_UNSENT + 1):
        notifier.notify(f"topic-{nth}")
    silent.recover()
    clock(notifier.REST_SECONDS)
    notifier.notify(None)
    assert queues.dispatch.sent() == [{"wake_up": {"sweep": True}}]


def test_a_clock_that_is_set_back_leaves_sqs_alone_no_longer(silent, queues, clock):
    notifier.notify("orders")
    silent.recover()
    clock(-3600)
    notifier.notify(None)
    assert topics_sent(queues) == ["orders"]


def test_without_queues_a_request_that_is_not_due_runs_nothing(client, orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    orders.broadcast()
    dispatch_in_memory.send([payloads.encode_wake_up(payloads.SWEEP)])
    client.get("/topics")
    assert endpoint.requests == []
    client.post("/topics/orders/broadcast")
    assert len(endpoint.requests) == 1


def test_a_broadcast_responds_before_any_webhook_is_sent(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    assert client.post("/topics/orders/broadcast").status == 202
    assert endpoint.requests == []
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}]


def test_a_broadcast_succeeds_though_the_wake_up_cannot_be_sent(client, orders, endpoint, queues):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    queues.dispatch.break_down()
    assert client.post("/topics/orders/broadcast").json["messages"] == 1
    assert orders.log() == [(1, "a")]


@pytest.mark.parametrize(
    ("changes", "notifies"),
    [
        *[({"paused": False}, True), ({"disabled": False}, True), ({"url": "http://127.0.0.1:8000/"}, True)],
        *[({"paused": True}, False), ({"batch_size": 2}, False)],
    ],
)
def test_only_a_change_that_can_make_a_subscription_due_sends_a_wake_up(
    client, orders, endpoint, queues, changes, notifies
):
    subscribed = orders.subscribe(endpoint.url)
    assert client.patch(f"/topics/orders/subscriptions/{subscribed.id}", changes).status == 200
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}] * notifies


def test_a_publish_to_a_manual_topic_sends_no_wake_up(client, queues):
    assert client.post("/topics/orders/messages", {"content": "a"}).status == 201
    assert queues.dispatch.sent() == []


def test_without_a_queue_due_messages_are_sent_at_once(client, orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a")
    client.post("/topics/orders/broadcast")
    assert len(endpoint.requests) == 1


def test_a_sweep_makes_dispatch_look_at_all_topics(orders, endpoint, queues):
    notifier.sweep()
    assert queues.dispatch.sent() == [{"wake_up": {"sweep": True}}]
    orders.subscribe(endpoint.url)
    orders.publish("a")
    orders.broadcast()
    assert dispatch(*queues.dispatch.take()) == []
    assert len(queues.delivery.sent()) == 1


def test_a_sweep_that_cannot_be_sent_fails(queues):
    queues.dispatch.break_down()
    with pytest.raises(sqs.NotSent):
        notifier.sweep()


@pytest.mark.parametrize("url", [None, "", "DispatchQueue"])
def test_a_deployed_function_without_a_queue_url_fails_at_its_start(monkeypatch, url):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "broker-Publish")
    monkeypatch.setenv("DISPATCH_QUEUE_URL", url or "")
    with pytest.raises(settings.SettingMissing, match="DISPATCH_QUEUE_URL must be the URL of a queue"):
        settings.check_queues("DISPATCH_QUEUE_URL")


def test_sam_local_has_no_queues(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "Publish")
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    monkeypatch.setenv("DISPATCH_QUEUE_URL", "DispatchQueue")
    settings.check_queues("DISPATCH_QUEUE_URL")
    assert settings.current.__wrapped__().dispatch_queue_url is None


def test_maintain_sends_the_daily_sweep_though_a_chore_fails(queues, monkeypatch):
    def fail():
        raise DatabaseUnavailable

    monkeypatch.setattr(maintenance, "maintain", fail)
    with pytest.raises(DatabaseUnavailable):
        app("maintain").handler({}, Context(300))
    assert queues.dispatch.sent() == [{"wake_up": {"sweep": True}}]
