"""Idempotency keys: a publish that is repeated gets the first answer and stores nothing."""

import pytest

from broker import database, tokens
from broker.errors import IdempotencyKeyReused
from broker.queue import messages
from tests.support.client import Client

pytestmark = pytest.mark.verbs

PUBLISH = "/topics/orders/messages"
KEY = {"Idempotency-Key": "import-7"}


def stored(owner):
    return owner.execute("SELECT count(*) FROM messages").fetchone()[0]


def test_the_same_request_again_gets_the_first_answer(client, owner):
    first = client.post(PUBLISH, {"messages": [{"content": 1}, {"content": 2}]}, headers=KEY)
    again = client.post(PUBLISH, {"messages": [{"content": 1}, {"content": 2}]}, headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert stored(owner) == 2


def test_the_key_with_another_body_is_refused_and_stores_nothing(client, owner):
    client.post(PUBLISH, {"content": 1}, headers=KEY)
    refused = client.post(PUBLISH, {"content": 2}, headers=KEY)
    assert refused.status == 422
    assert refused.json["type"] == "urn:pgbroker:problem:idempotency-key-reused"
    assert stored(owner) == 1


def test_a_key_is_of_its_token_and_topic_alone(client, owner):
    minted = client.post("/tokens", {"name": "shop", "scopes": ["publish"]}).json["token"]
    for who, topic in ((client, "orders"), (client, "invoices"), (Client(minted), "orders")):
        answer = who.post(f"/topics/{topic}/messages", {"content": 1}, headers=KEY)
        assert "Idempotency-Replayed" not in answer.headers
    assert stored(owner) == 3


def test_a_key_is_free_again_after_a_day(client, owner):
    client.post(PUBLISH, {"content": 1}, headers=KEY)
    owner.execute("UPDATE idempotency_keys SET created_at = created_at - interval '24 hours 1 s'")
    first = client.post(PUBLISH, {"content": 2}, headers=KEY)
    assert first.status == 201
    assert client.post(PUBLISH, {"content": 2}, headers=KEY).json == first.json
    assert stored(owner) == 2


def test_a_request_that_failed_leaves_its_key_free(client):
    assert client.post(PUBLISH, {"content": 1, "sender": 5}, headers=KEY).status == 400
    assert client.post(PUBLISH, {"content": 1}, headers=KEY).status == 201


@pytest.mark.parametrize("key", ["", "with space", "é", "k" * 257])
def test_a_key_is_1_to_256_printable_characters(client, owner, key):
    refused = client.post(PUBLISH, {"content": 1}, headers={"idempotency-key": key})
    assert refused.status == 400
    assert refused.json["errors"][0]["parameter"] == "Idempotency-Key"
    assert stored(owner) == 0


TWIN = "SELECT ids, replayed FROM broker.publish_batch('orders', '[{\"content\": 1}]', 'x', 'k')"


def test_a_twin_waits_for_the_first_and_gets_its_answer(first, second, background, owner):
    [(ids, replayed)] = first.execute(TWIN).fetchall()
    twin = background(second, TWIN)
    first.commit()
    assert (replayed, twin.result()) == (False, [(ids, True)])
    assert stored(owner) == 1


def test_a_twin_publishes_when_the_first_rolls_back(first, second, background, owner):
    [(_, replayed)] = first.execute(TWIN).fetchall()
    twin = background(second, TWIN)
    first.rollback()
    [(_, twin_replayed)] = twin.result()
    assert [replayed, twin_replayed] == [False, False]
    assert stored(owner) == 1


def test_maintain_clears_the_keys_of_the_day_before(client, owner):
    for key in "abc":
        client.post(PUBLISH, {"content": 1}, headers={"idempotency-key": key})
    owner.execute("UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' WHERE key <> 'c'")
    assert owner.execute("SELECT broker.clear_idempotency_keys(10)").fetchone() == (2,)
    assert owner.execute("SELECT key FROM idempotency_keys").fetchall() == [("c",)]


def test_the_operation_says_whether_it_was_repeated():
    idempotency = messages.Idempotency("k", tokens.authorize("brk_" + "a" * 43).id, b"1")
    document = messages.Publication('[{"content": 1}]', many=False)
    first = messages.publish("orders", document, "x", idempotency)
    assert messages.publish("orders", document, "x", idempotency) == messages.Published(
        first.ids, due=False, replayed=True
    )
    other = messages.Idempotency("k", idempotency.token_id, b"2")
    with pytest.raises(IdempotencyKeyReused):
        messages.publish("orders", document, "x", other)
    assert database.call("SELECT 1 AS one", {}, dict) == [{"one": 1}]
