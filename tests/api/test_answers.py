"""Responses: their shapes, their size inside Lambda's own JSON, and lists that show each item once."""

import json
from typing import Any

import psycopg
import pytest

from broker import api
from tests.support.client import Client, Context, Response, app
from tests.support.topic import Topic

MESSAGES, CONSUME = "/topics/orders/messages", "/topics/orders/consume"
LAMBDA_LIMIT = 6 * 1024 * 1024


def size_on_lambda(response: Response) -> int:
    """The bytes of a response as Lambda's Python runtime sends it: the body is a string in JSON."""
    payload = {"statusCode": response.status, "headers": dict(response.headers), "body": response.text}
    return len(json.dumps(payload, ensure_ascii=False).encode())


def test_publish_returns_the_id_of_one_message_and_the_ids_of_a_batch(client: Client) -> None:
    one = client.post(MESSAGES, {"content": 1})
    assert (one.status, one.json.keys()) == (201, {"id"})
    many = client.post(MESSAGES, {"messages": [{"content": 2}]})
    assert (many.status, many.json.keys()) == (201, {"ids"})
    ids = [one.json["id"], *many.json["ids"]]
    assert [each["id"] for each in client.post(CONSUME).json["messages"]] == ids


def test_publish_returns_ids_in_the_order_of_the_messages(client: Client) -> None:
    ids = client.post(MESSAGES, {"messages": [{"content": n} for n in range(1000)]}).json["ids"]
    assert ids == sorted(ids)
    leased = client.post(CONSUME, {"max": 1000}).json["messages"]
    assert [(each["id"], each["content"]) for each in leased] == list(zip(ids, range(1000), strict=True))


def test_the_sender_defaults_to_the_name_of_the_token(client: Client) -> None:
    token = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json["token"]
    Client(token).post(MESSAGES, {"messages": [{"content": 1}, {"content": 2, "sender": "a clerk"}]})
    assert [each["sender"] for each in client.post(CONSUME).json["messages"]] == ["till-3", "a clerk"]


def test_auto_ack_returns_no_receipt_and_removes_the_message(client: Client) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME, {"auto_ack": True}).json["messages"]
    assert (message["receipt"], message["lease_expires_at"]) == (None, None)
    assert client.get("/topics/orders").json["queue"]["waiting"] == 0


def test_an_ack_can_be_repeated(client: Client) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME).json["messages"]
    for _ in range(2):
        assert client.delete(f"/topics/orders/leases/{message['receipt']}").status == 204


def test_a_stale_receipt_is_a_conflict(client: Client, orders: Topic) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME).json["messages"]
    orders.end_leases()
    [newer] = client.post(CONSUME).json["messages"]

    response = client.delete(f"/topics/orders/leases/{message['receipt']}")

    assert response.status == 409
    assert response.json["type"] == "urn:pgbroker:problem:stale-receipt"
    assert client.delete(f"/topics/orders/leases/{newer['receipt']}").status == 204


def test_a_receipt_of_another_topic_is_refused_and_nothing_is_settled(client: Client, orders: Topic) -> None:
    client.post(MESSAGES, {"content": 1})
    client.post("/topics/invoices/messages", {"content": 2})
    [own] = client.post(CONSUME).json["messages"]
    [other] = client.post("/topics/invoices/consume").json["messages"]
    before = orders.rows()

    settled = client.post("/topics/orders/settle", {"ack": [own["receipt"], other["receipt"]]})
    assert (settled.status, settled.json["errors"]) == (
        400,
        [{"pointer": "/ack/1", "detail": "receipt belongs to another topic"}],
    )
    acked = client.delete(f"/topics/orders/leases/{other['receipt']}")
    assert (acked.status, acked.json["errors"]) == (
        400,
        [{"parameter": "receipt", "detail": "receipt belongs to another topic"}],
    )

    assert orders.rows() == before


CONTENTS = {
    "quotes": '"' + '\\"' * 131_000 + '"',
    "backslashes": '"' + "\\\\" * 131_000 + '"',
    "control escapes": '"' + "\\u0001" * 43_000 + '"',
    "line breaks between": "[" + "\n" * 262_000 + "]",
    "ideographs": '"' + "漢" * 87_000 + '"',
    "emoji": '"' + "😀" * 65_000 + '"',
    "letters": '"' + "x" * 262_000 + '"',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTENTS)
def test_consume_leases_only_as_many_messages_as_fit_lambda(client: Client, orders: Topic, name: str) -> None:
    for _ in range(3):
        batch = ",".join([f'{{"content": {CONTENTS[name]}}}'] * 10)
        assert client.post(MESSAGES, f'{{"messages": [{batch}]}}').status == 201

    response = client.post(CONSUME, {"max": 1000})

    leased = len(response.json["messages"])
    assert 5 <= leased < 30
    assert 4_500_000 < size_on_lambda(response) < LAMBDA_LIMIT
    assert sum(row["leased_at"] is not None for row in orders.rows().values()) == leased
    assert size_on_lambda(client.get(f"{MESSAGES}?limit=1000")) < LAMBDA_LIMIT


@pytest.mark.slow
def test_a_response_with_many_small_messages_fits_lambda(client: Client) -> None:
    message = {"content": None, "sender": '"' * 256, "key": "\x01" * 256, "attributes": {'"': '"' * 900}}
    for _ in range(2):
        assert client.post(MESSAGES, {"messages": [message] * 1000}).status == 201
    consumed = client.post(CONSUME, {"max": 1000})
    assert 500 < len(consumed.json["messages"]) <= 1000
    assert size_on_lambda(consumed) < LAMBDA_LIMIT
    assert size_on_lambda(client.get(f"{MESSAGES}?limit=1000")) < LAMBDA_LIMIT


@pytest.mark.parametrize("name", ["quotes", "ideographs"])
def test_the_largest_message_fits_lambda(client: Client, name: str) -> None:
    character = {"quotes": '\\"', "ideographs": "漢"}[name]
    content = '"' + character * ((256 * 1024 - 2) // len(character.encode())) + '"'
    assert client.post(MESSAGES, f'{{"content": {content}}}').status == 201
    response = client.post(CONSUME)
    assert len(response.json["messages"]) == 1
    assert size_on_lambda(response) < LAMBDA_LIMIT


def test_a_message_of_exactly_256_kib_is_accepted(client: Client) -> None:
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 2)}).status == 201
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 10), "attributes": {"a": "b"}}).status == 413
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 4), "attributes": {}}).status == 201


def test_a_request_of_exactly_4_mib_is_accepted(client: Client) -> None:
    body = json.dumps({"messages": [{"content": "x" * 250_000}] * 16})
    assert client.post(MESSAGES, body + " " * (api.MAX_REQUEST - len(body))).status == 201


def list_all(client: Client, target: str, limit: int) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    page = client.get(f"{target}?limit={limit}").json
    while page["next"] is not None:
        assert len(page["items"]) <= limit
        items += page["items"]
        page = client.get(f"{target}?limit={limit}&after={page['next']}").json
    return items + page["items"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 1000])
def test_every_list_shows_each_item_once(client: Client, owner: psycopg.Connection[Any], limit: int) -> None:
    names = sorted(f"t{n}" for n in range(6))
    for name in names:
        client.put(f"/topics/{name}")
        client.post("/tokens", {"name": name, "scopes": ["publish"]})
    message_ids = client.post("/topics/t0/messages", {"messages": [{"content": n} for n in range(6)]}).json["ids"]
    urls = [f"http://127.0.0.1:8009/{n}" for n in range(6)]
    subscription_ids = [client.post("/topics/t0/subscriptions", {"url": url}).json["id"] for url in urls]
    owner.execute(
        "INSERT INTO attempts"
        " (subscription_id, message_id, epoch, first_seq, last_seq, attempt, started_at, duration_ms)"
        " SELECT %s, gen_random_uuid(), 1, 1, 1, n, now() + n * interval '1 us', 1 FROM generate_series(1, 6) n",
        [subscription_ids[0]],
    )

    assert [topic["name"] for topic in list_all(client, "/topics", limit)] == ["default", *names]
    assert sorted(token["name"] for token in list_all(client, "/tokens", limit)) == sorted(["admin", *names])
    assert [message["id"] for message in list_all(client, "/topics/t0/messages", limit)] == message_ids
    assert [each["id"] for each in list_all(client, "/topics/t0/subscriptions", limit)] == subscription_ids
    attempts = list_all(client, f"/topics/t0/subscriptions/{subscription_ids[0]}/attempts", limit)
    assert [each["attempt"] for each in attempts] == [6, 5, 4, 3, 2, 1]


def test_a_page_of_large_items_fits_lambda(client: Client) -> None:
    headers = {f"x-{n}": '"' * 1024 for n in range(20)}
    for n in range(140):
        client.post("/topics/t/subscriptions", {"url": f"http://127.0.0.1:8009/{n}", "headers": headers})
    assert size_on_lambda(client.get("/topics/t/subscriptions?limit=1000")) < LAMBDA_LIMIT
    assert len({each["id"] for each in list_all(client, "/topics/t/subscriptions", 1000)}) == 140


def test_responses_must_not_be_cached(client: Client) -> None:
    for response in (client.get("/topics"), client.get("/"), Client(None).get("/topics")):
        assert response.headers["Cache-Control"] == "no-store"


def test_a_problem_has_the_request_id() -> None:
    event = Client(None).event("GET", "/topics")
    response = app("manage").handler(event, Context())
    assert json.loads(response["body"])["request_id"] == Context.aws_request_id
