"""Answers: their shapes, their size inside Lambda's own JSON, and lists that give each item once."""

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
    """Octets of the answer as Lambda's Python runtime sends it on: the body as a string in JSON."""
    answer = {"statusCode": response.status, "headers": dict(response.headers), "body": response.text}
    return len(json.dumps(answer, ensure_ascii=False).encode())


def test_one_message_is_answered_with_its_id_and_a_batch_with_its_ids(client: Client) -> None:
    one = client.post(MESSAGES, {"content": 1})
    assert (one.status, one.json.keys()) == (201, {"id"})
    many = client.post(MESSAGES, {"messages": [{"content": 2}]})
    assert (many.status, many.json.keys()) == (201, {"ids"})
    ids = [one.json["id"], *many.json["ids"]]
    assert [each["id"] for each in client.post(CONSUME).json["messages"]] == ids


def test_ids_are_in_the_order_in_which_the_messages_were_given(client: Client) -> None:
    ids = client.post(MESSAGES, {"messages": [{"content": n} for n in range(1000)]}).json["ids"]
    assert ids == sorted(ids)
    answer = client.post(CONSUME, {"max": 1000}).json["messages"]
    assert [(each["id"], each["content"]) for each in answer] == list(zip(ids, range(1000), strict=True))


def test_the_sender_is_the_tokens_name_unless_the_message_names_one(client: Client) -> None:
    token = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json["token"]
    Client(token).post(MESSAGES, {"messages": [{"content": 1}, {"content": 2, "sender": "a clerk"}]})
    assert [each["sender"] for each in client.post(CONSUME).json["messages"]] == ["till-3", "a clerk"]


def test_auto_ack_gives_no_receipt_and_leaves_nothing(client: Client) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME, {"auto_ack": True}).json["messages"]
    assert (message["receipt"], message["lease_expires_at"]) == (None, None)
    assert client.get("/topics/orders").json["queue"]["waiting"] == 0


def test_a_lease_is_acknowledged_once_and_again(client: Client) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME).json["messages"]
    for _ in range(2):
        assert client.delete(f"/topics/orders/leases/{message['receipt']}").status == 204


def test_a_stale_receipt_is_a_conflict(client: Client, orders: Topic) -> None:
    client.post(MESSAGES, {"content": 1})
    [message] = client.post(CONSUME).json["messages"]
    orders.end_leases()
    [taken_over] = client.post(CONSUME).json["messages"]

    response = client.delete(f"/topics/orders/leases/{message['receipt']}")

    assert response.status == 409
    assert response.json["type"] == "urn:pgbroker:problem:stale-receipt"
    assert client.delete(f"/topics/orders/leases/{taken_over['receipt']}").status == 204


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
def test_an_answer_fits_lambda_and_the_rest_stays_unleased(client: Client, orders: Topic, name: str) -> None:
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
def test_many_small_messages_fit_lambda(client: Client) -> None:
    message = {"content": None, "sender": '"' * 256, "key": "\x01" * 256, "attributes": {'"': '"' * 900}}
    for _ in range(2):
        assert client.post(MESSAGES, {"messages": [message] * 1000}).status == 201
    consumed = client.post(CONSUME, {"max": 1000})
    assert 500 < len(consumed.json["messages"]) <= 1000
    assert size_on_lambda(consumed) < LAMBDA_LIMIT
    assert size_on_lambda(client.get(f"{MESSAGES}?limit=1000")) < LAMBDA_LIMIT


@pytest.mark.parametrize("name", ["quotes", "ideographs"])
def test_the_largest_message_always_fits(client: Client, name: str) -> None:
    letter = {"quotes": '\\"', "ideographs": "漢"}[name]
    content = '"' + letter * ((256 * 1024 - 2) // len(letter.encode())) + '"'
    assert client.post(MESSAGES, f'{{"content": {content}}}').status == 201
    response = client.post(CONSUME)
    assert len(response.json["messages"]) == 1
    assert size_on_lambda(response) < LAMBDA_LIMIT


def test_exactly_256_kib_is_taken(client: Client) -> None:
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 2)}).status == 201
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 10), "attributes": {"a": "b"}}).status == 413
    assert client.post(MESSAGES, {"content": "x" * (256 * 1024 - 4), "attributes": {}}).status == 201


def test_exactly_4_mib_are_taken(client: Client) -> None:
    body = json.dumps({"messages": [{"content": "x" * 250_000}] * 16})
    assert client.post(MESSAGES, body + " " * (api.MAX_REQUEST - len(body))).status == 201


def walk(client: Client, target: str, limit: int) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    page = client.get(f"{target}?limit={limit}").json
    while page["next"] is not None:
        assert len(page["items"]) <= limit
        items += page["items"]
        page = client.get(f"{target}?limit={limit}&after={page['next']}").json
    return items + page["items"]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 1000])
def test_every_list_gives_each_item_once(client: Client, owner: psycopg.Connection[Any], limit: int) -> None:
    names = sorted(f"t{n}" for n in range(6))
    for name in names:
        client.put(f"/topics/{name}")
        client.post("/tokens", {"name": name, "scopes": ["publish"]})
    ids = client.post("/topics/t0/messages", {"messages": [{"content": n} for n in range(6)]}).json["ids"]
    urls = [f"http://127.0.0.1:8009/{n}" for n in range(6)]
    made = [client.post("/topics/t0/subscriptions", {"url": url}).json["id"] for url in urls]
    owner.execute(
        "INSERT INTO attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms)"
        " SELECT %s, 'w', 1, 1, n, now(), 1 FROM generate_series(1, 6) n",
        [made[0]],
    )

    assert [topic["name"] for topic in walk(client, "/topics", limit)] == ["default", *names]
    assert sorted(token["name"] for token in walk(client, "/tokens", limit)) == sorted(["admin", *names])
    assert [message["id"] for message in walk(client, "/topics/t0/messages", limit)] == ids
    assert [each["id"] for each in walk(client, "/topics/t0/subscriptions", limit)] == made
    attempts = walk(client, f"/topics/t0/subscriptions/{made[0]}/attempts", limit)
    assert [each["attempt"] for each in attempts] == [6, 5, 4, 3, 2, 1]


def test_a_page_of_large_items_fits_lambda(client: Client) -> None:
    headers = {f"x-{n}": '"' * 1024 for n in range(20)}
    for n in range(140):
        client.post("/topics/t/subscriptions", {"url": f"http://127.0.0.1:8009/{n}", "headers": headers})
    assert size_on_lambda(client.get("/topics/t/subscriptions?limit=1000")) < LAMBDA_LIMIT
    assert len({each["id"] for each in walk(client, "/topics/t/subscriptions", 1000)}) == 140


def test_nothing_of_an_answer_is_kept_by_a_cache(client: Client) -> None:
    for response in (client.get("/topics"), client.get("/"), Client(None).get("/topics")):
        assert response.headers["Cache-Control"] == "no-store"


def test_an_answer_names_its_request() -> None:
    event = Client(None).event("GET", "/topics")
    answer = app("manage").handler(event, Context())
    assert json.loads(answer["body"])["request_id"] == Context.aws_request_id
