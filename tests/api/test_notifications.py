"""Dispatch is notified of each request after which something may be due, and of no other."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from broker import topics
from broker.dispatch import planner
from broker.errors import DatabaseUnavailable
from tests.support.client import Client
from tests.support.endpoints import Endpoint
from tests.support.outcomes import outcome
from tests.support.sqs import Queues
from tests.support.topic import Topic

URL = "http://127.0.0.1:8000/"

Notified = Callable[[], bool]


@pytest.fixture
def notified(queues: Queues) -> Notified:
    """Whether Dispatch was notified of the topic, once."""

    def notified() -> bool:
        sent = queues.dispatch.sent()
        assert sent in ([], [{"wake_up": {"topic": "orders"}}])
        return bool(sent)

    return notified


@pytest.fixture
def dead_letter(orders: Topic) -> None:
    """A dead letter in the topic's queue."""
    orders.publish("a")
    [leased] = orders.consume()
    orders.settle(reject=[leased.receipt])


@pytest.fixture
def refused(orders: Topic, owner: psycopg.Connection[Any]) -> dict[str, str]:
    """A dead letter of a subscription, as a filter."""
    subscribed = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE cursors SET cursor = 1")
    owner.execute(
        "INSERT INTO redeliveries"
        " (subscription_id, message_id, epoch, topic_id, seq, failures, due_at, died_at, reason)"
        " SELECT s.id, l.message_id, 1, l.topic_id, l.seq, 1, now(), now(), 'status 400' FROM subscriptions s, log l"
    )
    return {"subscription": str(subscribed.id)}


@pytest.mark.parametrize(("mode", "notifies"), [("auto", True), ("manual", False)])
def test_a_publish_notifies_when_the_broker_broadcasts_by_itself(
    client: Client, notified: Notified, mode: str, *, notifies: bool
) -> None:
    client.put("/topics/orders", {"broadcast": mode})
    assert client.post("/topics/orders/messages", {"content": "a"}).status == 201
    assert notified() == notifies


@pytest.mark.parametrize(("mode", "notifies"), [("auto", True), ("manual", False)])
def test_a_subscribe_notifies_when_what_waits_may_now_be_moved(
    client: Client, orders: Topic, notified: Notified, mode: str, *, notifies: bool
) -> None:
    client.put("/topics/orders", {"broadcast": mode})
    orders.publish("a")
    assert client.post("/topics/orders/subscriptions", {"url": URL}).status == 201
    assert notified() == notifies


def test_a_repeated_subscribe_notifies_again(client: Client, orders: Topic, notified: Notified) -> None:
    client.put("/topics/orders", {"broadcast": "auto"})
    orders.subscribe(URL)
    assert client.post("/topics/orders/subscriptions", {"url": URL}).status == 200
    assert notified()


def test_a_subscribe_that_is_refused_does_not_notify(client: Client, orders: Topic, notified: Notified) -> None:
    client.put("/topics/orders", {"broadcast": "auto"})
    orders.subscribe(URL)
    assert client.post("/topics/orders/subscriptions", {"url": URL, "batch_size": 7}).status == 409
    assert not notified()


@pytest.mark.parametrize(
    ("changes", "notifies"),
    [
        *[({"paused": False}, True), ({"disabled": False}, True), ({"url": "http://127.0.0.1:8001/"}, True)],
        *[({"name": "other"}, False), ({"rate_per_second": 1}, False), ({"paused": True}, False), ({}, False)],
    ],
)
def test_a_change_notifies_when_it_resumes_enables_or_moves_the_subscription(
    client: Client,
    orders: Topic,
    owner: psycopg.Connection[Any],
    notified: Notified,
    changes: dict[str, object],
    *,
    notifies: bool,
) -> None:
    subscribed = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE cursors SET paused_at = now(), disabled_at = now(), disabled_reason = '410'")
    assert client.patch(f"/topics/orders/subscriptions/{subscribed.id}", changes).status == 200
    assert notified() == notifies


def test_a_repeated_change_notifies_again(client: Client, orders: Topic, notified: Notified) -> None:
    subscribed = orders.subscribe(URL)
    assert client.patch(f"/topics/orders/subscriptions/{subscribed.id}", {"paused": False}).status == 200
    assert notified()


@pytest.mark.parametrize(("mode", "notifies"), [("auto", True), ("manual", False)])
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_topic_that_becomes_an_auto_topic_notifies(
    client: Client, orders: Topic, notified: Notified, method: str, mode: str, *, notifies: bool
) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    assert client.request(method, "/topics/orders", {"broadcast": mode}).status == 200
    assert notified() == notifies


def test_a_new_topic_and_other_settings_do_not_notify(client: Client, notified: Notified) -> None:
    assert client.put("/topics/orders", {"broadcast": "auto"}).status == 201
    assert client.patch("/topics/orders", {"lease_seconds": 60}).status == 200
    assert not notified()


@pytest.mark.usefixtures("dead_letter")
@pytest.mark.parametrize(
    ("mode", "dry_run", "notifies"), [("auto", False, True), ("auto", True, False), ("manual", False, False)]
)
def test_a_redrive_notifies_when_what_returns_to_the_queue_may_be_moved(
    client: Client, notified: Notified, mode: topics.Mode, *, dry_run: bool, notifies: bool
) -> None:
    topics.change("orders", topics.Patch(broadcast=mode))
    response = client.post("/topics/orders/dead-letters/redrive", {"dry_run": dry_run})
    assert response.json == {"matched": 1, "redriven": 0 if dry_run else 1, "complete": True}
    assert notified() == notifies


@pytest.mark.parametrize(("dry_run", "notifies"), [(False, True), (True, False)])
def test_a_redrive_of_a_subscription_notifies(
    client: Client, refused: dict[str, str], notified: Notified, *, dry_run: bool, notifies: bool
) -> None:
    response = client.post("/topics/orders/dead-letters/redrive", {**refused, "dry_run": dry_run})
    assert response.json["matched"] == 1
    assert notified() == notifies


def test_a_repeated_redrive_notifies_again(client: Client, refused: dict[str, str], notified: Notified) -> None:
    assert client.post("/topics/orders/dead-letters/redrive", {**refused, "sender": "nobody"}).json["matched"] == 0
    assert notified()


def test_a_broadcast_that_moves_messages_notifies(client: Client, orders: Topic, notified: Notified) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    assert client.post("/topics/orders/broadcast").json["messages"] == 1
    assert notified()


def test_a_resend_notifies(client: Client, orders: Topic, notified: Notified) -> None:
    subscribed = orders.subscribe(URL)
    [message_id] = orders.publish("a")
    orders.broadcast()
    planner.plan(0, [outcome(job) for job in planner.plan(1)])
    resent = client.post(f"/topics/orders/messages/{message_id}/resend", {"subscription": str(subscribed.id)})
    assert (resent.status, notified()) == (202, True)


def test_a_dry_run_of_a_broadcast_notifies_nobody(client: Client, orders: Topic, notified: Notified) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    assert client.post("/topics/orders/broadcast?dry_run=true").json["messages"] == 1
    assert not notified()


def test_a_broadcast_that_moves_nothing_notifies_when_a_subscription_is_behind(
    client: Client, orders: Topic, notified: Notified
) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    assert client.post("/topics/orders/broadcast").json["messages"] == 0
    assert notified()


def test_a_broadcast_that_moves_nothing_notifies_while_dispatch_has_not_looked(
    client: Client, orders: Topic, owner: psycopg.Connection[Any], notified: Notified
) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE cursors SET cursor = 1")
    assert client.post("/topics/orders/broadcast").json["messages"] == 0
    assert notified()


@pytest.mark.parametrize(
    "state",
    [
        "cursor = 1",
        "cursor = 1, redelivery_due_at = now()",  # no broadcast makes it due, so none has failed to notify of it
        "paused_at = now()",
        "disabled_at = now(), disabled_reason = '410'",
    ],
)
def test_a_broadcast_that_leaves_nothing_to_send_does_not_notify(
    client: Client, orders: Topic, owner: psycopg.Connection[Any], notified: Notified, state: str
) -> None:
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    owner.execute(f"UPDATE cursors SET {state}")
    planner.next_due()
    assert client.post("/topics/orders/broadcast").status == 202
    assert not notified()


def test_a_broadcast_without_a_subscription_does_not_notify(client: Client, orders: Topic, notified: Notified) -> None:
    orders.publish("a")
    assert client.post("/topics/orders/broadcast").json["remaining"] == 0
    assert not notified()


def test_what_became_due_is_announced_though_the_request_fails_after_it(
    client: Client, orders: Topic, notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.publish("a")

    def fail(topic: str) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr(topics, "read", fail)
    assert client.patch("/topics/orders", {"broadcast": "auto"}).status == 503
    assert notified()


def test_a_request_that_is_refused_does_not_notify(client: Client, orders: Topic, notified: Notified) -> None:
    subscribed = orders.subscribe(URL)
    unknown = "00000000-0000-0000-0000-000000000000"
    assert client.patch(f"/topics/orders/subscriptions/{unknown}", {"paused": False}).status == 404
    assert client.patch(f"/topics/orders/subscriptions/{subscribed.id}", {"paused": 1}).status == 400
    assert client.post("/topics/unknown/broadcast").status == 404
    assert not notified()


def test_an_endpoint_gets_what_waited_when_its_topic_becomes_an_auto_topic(
    client: Client, orders: Topic, endpoint: Endpoint
) -> None:
    orders.subscribe(endpoint.url)
    orders.publish("a")
    assert client.patch("/topics/orders", {"broadcast": "auto"}).status == 200
    assert len(endpoint.requests) == 1
