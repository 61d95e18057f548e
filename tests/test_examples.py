"""The contract's examples are true: told one after the other, each is answered as its answer's example says."""

import json

import pytest

from tests import contract
from tests.client import Client, Response
from tests.contract import Story
from tests.endpoints import Endpoint

EXAMPLE_HOST = "https://shop.example.com"


def test_every_operation_answers_as_its_example_says(client: Client) -> None:
    with Endpoint() as endpoint:
        story = Story(client, {EXAMPLE_HOST: endpoint.url})
        story.tell("root", 200, "root")
        story.tell("health", 200, "alive")
        story.tell("contract", 200)
        story.tell("putTopic", 201, "put")
        story.tell("publish", 201, "one")
        story.tell("publish", 201, "many")
        story.tell("listTopics", 200, "listed")
        story.tell("readTopic", 200, "read")
        story.tell("browseMessages", 200, "browsed", {"limit": "1"})
        story.tell("readMessage", 200, "waiting")
        story.tell("consume", 200, "two")
        story.tell("settle", 200, "settled")
        story.tell("ack", 204)
        story.tell("consume", 200, "one")
        story.tell("settle", 200, "rejected")
        story.tell("listDeadLetters", 200, "rejected")
        story.tell("deleteDeadLetters", 200, "counted")
        story.tell("redrive", 200, "redriven")
        story.tell("publish", 201, "one")
        story.tell("cancelMessage", 204)
        story.tell("subscribe", 201, "new")
        story.tell("subscribe", 200, "again")
        story.tell("listSubscriptions", 200, "listed")
        story.tell("readSubscription", 200, "read")
        story.tell("changeSubscription", 200, "changed")
        story.tell("broadcast", 202, "moved")
        story.tell("listAttempts", 200, "listed")
        story.tell("unsubscribe", 204)
        story.tell("subscribe", 201, "new")
        story.tell("unsubscribeUrl", 204)
        story.tell("changeTopic", 200, "changed")
        story.tell("deleteTopic", 204)
        story.tell("listTokens", 200, "listed")
        story.tell("mintToken", 201, "minted")
        story.tell("readToken", 200, "read")
        story.tell("revokeToken", 204)
    assert story.told == contract.operations().keys()


def test_a_webhook_is_what_the_contract_says(client: Client) -> None:
    pushed = contract.document()["webhooks"]["broadcast"]["post"]
    content = pushed["requestBody"]["content"]["application/json"]
    contract.validate(content["examples"]["pushed"]["value"], content["schema"])
    with Endpoint() as endpoint:
        client.post("/topics/orders/subscriptions", {"url": endpoint.url})
        client.post("/topics/orders/messages", {"content": [1], "attributes": {"kind": "a"}})
        client.post("/topics/orders/broadcast")
        [received] = endpoint.wait_for(1)
    contract.validate(json.loads(received.body), content["schema"])
    for parameter in pushed["parameters"]:
        contract.validate(received.headers[parameter["name"]], parameter["schema"])


@pytest.mark.parametrize("name", ["InvalidInput", "Unauthorized", "Forbidden", "NotFound", "Conflict", "TooLarge"])
def test_the_example_of_a_problem_is_one_that_comes(client: Client, name: str) -> None:
    [content] = contract.document()["components"]["responses"][name]["content"].values()
    example = content["example"]
    contract.validate(example, content["schema"])

    answer = PROVOKED[name](client)

    assert {**answer.json, "request_id": ""} == {**example, "request_id": ""}


def _forbidden(client: Client) -> Response:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json
    return Client(minted["token"]).post("/topics/orders/consume")


def _conflict(client: Client) -> Response:
    client.post("/topics/orders/messages", {"content": 1})
    return client.delete("/topics/orders")


def _too_large(client: Client) -> Response:
    return client.post("/topics/orders/messages", {"messages": [{"content": 1}, {"content": "x" * 262143}]})


PROVOKED = {
    "InvalidInput": lambda client: client.post(
        "/topics/orders/messages", {"messages": [{"content": 1, "colour": "red"}, {}]}
    ),
    "Unauthorized": lambda client: Client(None).get("/topics"),
    "Forbidden": _forbidden,
    "NotFound": lambda client: client.get("/topics/invoices"),
    "Conflict": _conflict,
    "TooLarge": _too_large,
}
