"""The contract's examples are true: sent one after the other, each request gets the response of its example."""

import json
import os

import psycopg
import pytest

from broker import database
from broker.transport import queues
from tests.support import contract
from tests.support.client import Client, Response, app
from tests.support.contract_examples import EXAMPLE_HOST, WEBHOOK, WEBHOOK_BODY, Story, send_every_operation
from tests.support.endpoints import Endpoint
from tests.support.topic import Topic

PROBLEMS = contract.document()["components"]["responses"]


def test_every_operation_responds_as_its_example_shows(client: Client) -> None:
    with Endpoint() as endpoint:
        story = Story(client, {EXAMPLE_HOST: endpoint.url})
        send_every_operation(story, lambda: json.loads(endpoint.wait_for(1)[0].body))
    assert story.sent == contract.operations().keys()
    assert story.shown == {each for operation in contract.operations().values() for each in operation.examples()}


def test_a_webhook_request_matches_the_contract(client: Client) -> None:
    with Endpoint() as endpoint:
        client.post("/topics/orders/subscriptions", {"url": endpoint.url})
        client.post("/topics/orders/messages", {"content": [1], "attributes": {"kind": "a"}})
        client.post("/topics/orders/broadcast")
        [received] = endpoint.wait_for(1)
    contract.validate(json.loads(received.body), WEBHOOK_BODY["schema"])
    for parameter in WEBHOOK["parameters"]:
        contract.validate(received.headers[parameter["name"]], parameter["schema"])


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.usefixtures("limit_clock")
def test_the_example_of_a_problem_equals_a_real_response(client: Client, orders: Topic, name: str) -> None:
    [content] = PROBLEMS[name]["content"].values()
    example = content["example"]
    contract.validate(example, content["schema"])

    response = PROVOKE[name](client, orders)

    assert {**response.json, "request_id": ""} == {**example, "request_id": ""}


def _invalid_input(client: Client, _orders: Topic) -> Response:
    return client.post("/topics/orders/messages", {"messages": [{"content": 1, "colour": "red"}, {}]})


def _unauthorized(_client: Client, _orders: Topic) -> Response:
    return Client(None).get("/topics")


def _forbidden(client: Client, _orders: Topic) -> Response:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json
    return Client(minted["token"]).post("/topics/orders/consume")


def _not_found(client: Client, _orders: Topic) -> Response:
    return client.get("/topics/invoices")


def _conflict(client: Client, orders: Topic) -> Response:
    orders.publish(1)
    return client.delete("/topics/orders")


def _busy(client: Client, orders: Topic) -> Response:
    orders.publish(1)
    with psycopg.connect(os.environ["DATABASE_URL"]) as publisher:
        publisher.execute("SELECT broker.publish('orders', '1')")
        return client.delete("/topics/orders")


def _stale_receipt(client: Client, orders: Topic) -> Response:
    orders.publish(1)
    [leased] = orders.consume()
    orders.end_leases()
    orders.consume()
    return client.delete(f"/topics/orders/leases/{leased.receipt}")


def _too_large(client: Client, _orders: Topic) -> Response:
    return client.post("/topics/orders/messages", {"messages": [{"content": 1}, {"content": "x" * 262143}]})


def _idempotency_key_reused(client: Client, _orders: Topic) -> Response:
    headers = {"idempotency-key": "import-7"}
    client.post("/topics/orders/messages", {"content": 1}, headers=headers)
    return client.post("/topics/orders/messages", {"content": 2}, headers=headers)


def _too_many_requests(client: Client, _orders: Topic) -> Response:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["browse"], "requests_per_second": 1}).json
    limited = Client(minted["token"])
    limited.get("/topics")
    return limited.get("/topics")


def _internal_error(client: Client, _orders: Topic) -> Response:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(app("manage").app.routes, "GET /", (lambda _call: 1 / 0, ()))
        return client.get("/")


def _database_unavailable(client: Client, _orders: Topic) -> Response:
    database.functions.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.functions, "_url", lambda: "postgresql://127.0.0.1:1/nowhere")
        return client.get("/topics")


def _queue_unavailable(client: Client, orders: Topic) -> Response:
    subscribed = orders.subscribe("https://example.com/")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queues, "dispatch", lambda seconds: queues.SqsQueue("http://127.0.0.1:1/queue", seconds))
        return client.post(f"/topics/orders/subscriptions/{subscribed.id}/test")


PROVOKE = {
    "InvalidInput": _invalid_input,
    "Unauthorized": _unauthorized,
    "Forbidden": _forbidden,
    "NotFound": _not_found,
    "Conflict": _conflict,
    "Busy": _busy,
    "StaleReceipt": _stale_receipt,
    "TooLarge": _too_large,
    "IdempotencyKeyReused": _idempotency_key_reused,
    "TooManyRequests": _too_many_requests,
    "InternalError": _internal_error,
    "DatabaseUnavailable": _database_unavailable,
    "QueueUnavailable": _queue_unavailable,
}
