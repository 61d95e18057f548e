"""Batches: which messages a webhook is sent, in which order, and how many in one request."""

import json

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from broker.dispatch import dispatcher
from broker.pubsub import attempts
from broker.queue import browsing, messages
from broker.webhooks import signatures
from tests.support import webhook_ids
from tests.support.push_loop import push
from tests.support.topic import TOKEN_ID

pytestmark = pytest.mark.verbs


def contents(requests):
    """The contents in each request."""
    return [[message["content"] for message in json.loads(request.body)["messages"]] for request in requests]


def test_a_webhook_is_sent_the_messages_as_they_were_published(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url + "/hook?shop=1")
    document = (
        '[{"content": { "n" : 1e2 }, "sender": "a\\"b", "key": "k", "attributes": {"x":  "y"}}, {"content": "é"}]'
    )
    first, second = messages.publish("orders", messages.Publication(document, many=True), "a token", TOKEN_ID).ids
    orders.broadcast()
    created_at = browsing.trace("orders", first).created_at

    assert push("orders") == 1

    [request] = endpoint.requests
    at = created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert (request.method, request.path) == ("POST", "/hook?shop=1")
    assert request.body.decode() == (
        f'{{"topic":"orders","subscription":"{subscribed.id}","messages":['
        f'{{"id":"{first}","seq":1,"content":{{ "n" : 1e2 }},"sender":"a\\"b","key":"k","attributes":{{"x":  "y"}},'
        f'"created_at":"{at}"}},'
        f'{{"id":"{second}","seq":2,"content":"é","sender":"a token","key":null,"attributes":null,'
        f'"created_at":"{at}"}}]}}'
    )
    assert request.headers["content-type"] == "application/json"


def test_a_webhook_is_signed_as_standard_webhooks_describes(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    [published] = orders.publish({"text": "é 😀"})
    orders.broadcast()
    push()

    [request] = endpoint.requests
    assert Webhook(subscribed.secret).verify(request.body, request.headers)["topic"] == "orders"
    with pytest.raises(WebhookVerificationError):
        Webhook(signatures.new_secret()).verify(request.body, request.headers)
    assert request.headers["webhook-id"] == webhook_ids.batch(subscribed.id, published)


def test_a_webhook_carries_the_headers_of_its_subscription(orders, endpoint):
    orders.subscribe(endpoint.url, headers={"Authorization": "Bearer theirs", "x-empty": ""})
    orders.publish("a")
    orders.broadcast()
    push()
    [request] = endpoint.requests
    assert (request.headers["authorization"], request.headers["x-empty"]) == ("Bearer theirs", "")


def test_batches_follow_one_another_in_order(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, batch_size=2)
    orders.publish(*range(5))
    orders.broadcast()

    assert push() == 3

    assert contents(endpoint.requests) == [[0, 1], [2, 3], [4]]
    after = orders.subscription(subscribed)
    assert (after.cursor, after.behind, after.due_at) == (5, 0, None)
    assert push() == 0


def test_a_batch_holds_up_to_a_hundred_messages_by_default(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish(*range(201))
    orders.broadcast()
    push()
    assert [len(batch) for batch in contents(endpoint.requests)] == [100, 100, 1]


def test_a_batch_stays_below_400_kb(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish(*["a" * 100_000] * 5)
    orders.broadcast()
    push()
    assert [len(batch) for batch in contents(endpoint.requests)] == [3, 2]
    assert all(len(request.body) <= 400_000 for request in endpoint.requests)


def test_one_message_is_sent_however_large_it_is(orders, endpoint):
    orders.subscribe(endpoint.url)
    orders.publish("a", '"' * 130_000, "b")  # over 400 KB, because a size is counted as escaped twice
    orders.broadcast()
    push()
    assert [len(batch) for batch in contents(endpoint.requests)] == [1, 1, 1]


def test_a_subscription_is_sent_all_that_is_broadcast_after_its_creation(orders, endpoint):
    orders.subscribe(endpoint.url + "/early")
    orders.publish("a")
    orders.broadcast()
    orders.subscribe(endpoint.url + "/late")
    orders.publish("b")
    orders.broadcast()

    push()

    sent = {request.path: batch for request, [batch] in ((r, contents([r])) for r in endpoint.requests)}
    assert sent == {"/early": ["a", "b"], "/late": ["b"]}


def test_all_due_subscriptions_are_sent_to_though_they_exceed_one_plan(orders, endpoint):
    for n in range(dispatcher.MAX_PLANNED + 5):
        orders.subscribe(f"{endpoint.url}/{n}")
    orders.publish("a")
    orders.broadcast()
    assert push() == dispatcher.MAX_PLANNED + 5
    assert len({request.path for request in endpoint.requests}) == dispatcher.MAX_PLANNED + 5


def test_a_paused_subscription_is_sent_nothing_until_it_is_resumed(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url, batch_size=2)
    orders.change(subscribed, paused=True)
    orders.publish("a", "b")
    orders.broadcast()
    orders.publish("c")
    orders.broadcast()
    assert push() == 0

    orders.change(subscribed, paused=False)

    assert push() == 2
    assert contents(endpoint.requests) == [["a", "b"], ["c"]]


def test_attempts_are_listed_newest_first(orders, endpoint):
    subscribed = orders.subscribe(endpoint.url)
    endpoint.answer(503, times=1)
    orders.publish("a", "b")
    orders.broadcast()
    push()
    orders.end_waits()
    push()

    second, first = attempts.list_attempts("orders", subscribed.id, attempts.List()).items

    assert (first.attempt, first.status, first.first_seq, first.last_seq) == (1, 503, 1, 2)
    assert (second.attempt, second.status, second.webhook_id) == (2, 200, first.webhook_id)
    assert second.started_at >= first.started_at
    assert attempts.list_attempts("orders", subscribed.id, attempts.List(after=second.id)).items == [first]
    assert attempts.list_attempts("orders", subscribed.id, attempts.List(limit=1)).items == [second]
