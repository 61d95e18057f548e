"""What a token that only reads does not see of a subscription: what may be a secret."""

from typing import Any

import pytest

from tests.api.test_authorization import client_with
from tests.support.client import Client
from tests.support.endpoints import Endpoint
from tests.support.push_loop import push

SUBSCRIPTIONS = "/topics/orders/subscriptions"
HEADERS = {"Authorization": "Bearer secret", "X-Team": "billing"}
READERS = (["browse"], ["browse", "publish", "consume", "broadcast", "manage", "tokens"])
SUBSCRIBERS = (["subscribe"], ["browse", "subscribe"])


def reading(client: Client, *scopes: str) -> Client:
    return client_with(client, *scopes, topics=("orders",))


def subscribe(client: Client, **settings: Any) -> str:
    """The path of a new subscription."""
    return f"{SUBSCRIPTIONS}/{client.post(SUBSCRIPTIONS, settings).json['id']}"


def test_the_values_of_headers_and_the_path_of_the_url_are_for_subscribers(client: Client, endpoint: Endpoint) -> None:
    subscription = subscribe(client, url=f"{endpoint.url}/T0/B0/secret", name="shop", headers=HEADERS)
    whole = client.get(subscription).json
    assert (whole["url"], whole["headers"]) == (f"{endpoint.url}/T0/B0/secret", HEADERS)
    hidden = {**whole, "url": f"{endpoint.url}/…", "headers": {"Authorization": None, "X-Team": None}}
    for shown, holders in ((hidden, READERS), (whole, SUBSCRIBERS)):
        for scopes in holders:
            reader = reading(client, *scopes)
            assert reader.get(subscription).json == shown
            assert reader.get(SUBSCRIPTIONS).json["items"] == [shown]


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("", ""),
        ("/", "/"),
        ("/hooks", "/…"),
        ("/hooks/", "/…"),
        ("?token=secret", "/…"),
        ("/?token=secret", "/…"),
        ("//secret", "/…"),
    ],
)
def test_a_url_ends_after_its_host_when_there_was_more(
    client: Client, endpoint: Endpoint, path: str, shown: str
) -> None:
    for host in (endpoint.url, endpoint.url.upper()):
        subscription = subscribe(client, url=host + path)
        assert reading(client, "browse").get(subscription).json["url"] == host + shown


def test_a_subscription_that_was_given_no_name_hides_its_name_too(client: Client, endpoint: Endpoint) -> None:
    """It has its first url as its name."""
    subscription = subscribe(client, url=f"{endpoint.url}/secret")
    message = client.post("/topics/orders/messages", {"content": 1}).json["id"]
    client.post("/topics/orders/broadcast")
    client.patch(subscription, {"url": f"{endpoint.url}/other"})
    for shown, holders in (("…", READERS), ("secret", (["browse", "subscribe"],))):
        for scopes in holders:
            reader = reading(client, *scopes)
            [delivery] = reader.get(f"/topics/orders/messages/{message}").json["deliveries"]
            [item] = reader.get("/overview").json["items"]
            names = [each["name"] for each in (reader.get(subscription).json, delivery, *item["subscriptions"])]
            assert names == [f"{endpoint.url}/{shown}"] * 3


def test_the_answers_of_endpoints_are_for_managers(client: Client, endpoint: Endpoint) -> None:
    subscription = subscribe(client, url=endpoint.url)
    endpoint.answer(200, body=b"a secret")
    client.post("/topics/orders/messages", {"content": 1})
    client.post("/topics/orders/broadcast")
    push()
    [attempt] = client.get(f"{subscription}/attempts").json["items"]
    assert attempt["answer"] == "a secret"
    for scopes in (["browse"], ["browse", "publish", "consume", "broadcast", "subscribe", "tokens"]):
        assert reading(client, *scopes).get(f"{subscription}/attempts").json["items"] == [{**attempt, "answer": None}]
    for scopes in (["manage"], ["browse", "manage"]):
        assert reading(client, *scopes).get(f"{subscription}/attempts").json["items"] == [attempt]
