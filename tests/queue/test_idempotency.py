"""Idempotency keys: a repeated publish gets the first response and stores nothing."""

import psycopg
import pytest

from broker import database
from broker.errors import IdempotencyKeyReused
from broker.queue import messages
from tests.support.client import Client
from tests.support.topic import TOKEN_ID

pytestmark = pytest.mark.verbs

PUBLISH = "/topics/orders/messages"
KEY = {"Idempotency-Key": "import-7"}


def count_messages(owner):
    return owner.execute("SELECT count(*) FROM messages").fetchone()[0]


def test_a_repeated_request_gets_the_first_response(client, owner):
    first = client.post(PUBLISH, {"messages": [{"content": 1}, {"content": 2}]}, headers=KEY)
    again = client.post(PUBLISH, {"messages": [{"content": 1}, {"content": 2}]}, headers=KEY)
    assert (first.status, again.status) == (201, 201)
    assert again.json == first.json
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert count_messages(owner) == 2


def test_a_key_with_another_body_is_refused_and_stores_nothing(client, owner):
    client.post(PUBLISH, {"content": 1}, headers=KEY)
    refused = client.post(PUBLISH, {"content": 2}, headers=KEY)
    assert refused.status == 422
    assert refused.json["type"] == "urn:pgbroker:problem:idempotency-key-reused"
    assert count_messages(owner) == 1


def test_a_key_counts_for_its_token_and_topic_only(client, owner):
    minted = client.post("/tokens", {"name": "shop", "scopes": ["publish"]}).json["token"]
    for caller, topic in ((client, "orders"), (client, "invoices"), (Client(minted), "orders")):
        response = caller.post(f"/topics/{topic}/messages", {"content": 1}, headers=KEY)
        assert "Idempotency-Replayed" not in response.headers
    assert count_messages(owner) == 3


def test_a_key_is_free_again_after_a_day(client, owner):
    client.post(PUBLISH, {"content": 1}, headers=KEY)
    owner.execute("UPDATE idempotency_keys SET expires_at = expires_at - interval '24 hours 1 s'")
    first = client.post(PUBLISH, {"content": 2}, headers=KEY)
    assert first.status == 201
    assert client.post(PUBLISH, {"content": 2}, headers=KEY).json == first.json
    assert count_messages(owner) == 2


def test_a_refused_request_does_not_use_up_its_key(client):
    assert client.post(PUBLISH, {"content": 1, "sender": 5}, headers=KEY).status == 400
    assert client.post(PUBLISH, {"content": 1}, headers=KEY).status == 201


@pytest.mark.parametrize("key", ["", "with space", "é", "k" * 257])
def test_a_key_is_1_to_256_printable_characters(client, owner, key):
    refused = client.post(PUBLISH, {"content": 1}, headers={"idempotency-key": key})
    assert refused.status == 400
    assert refused.json["errors"][0]["parameter"] == "Idempotency-Key"
    assert count_messages(owner) == 0


PUBLISH_WITH_KEY = "SELECT ids, replayed FROM broker.publish_batch('orders', '[{\"content\": 1}]', 'x', 'k')"


def test_a_concurrent_repeat_waits_for_the_first_publish_and_gets_its_ids(first, second, background, owner):
    [(ids, replayed)] = first.execute(PUBLISH_WITH_KEY).fetchall()
    repeat = background(second, PUBLISH_WITH_KEY)
    first.commit()
    assert (replayed, repeat.result()) == (False, [(ids, True)])
    assert count_messages(owner) == 1


def test_a_concurrent_repeat_publishes_when_the_first_rolls_back(first, second, background, owner):
    [(_, replayed)] = first.execute(PUBLISH_WITH_KEY).fetchall()
    repeat = background(second, PUBLISH_WITH_KEY)
    first.rollback()
    [(_, repeat_replayed)] = repeat.result()
    assert [replayed, repeat_replayed] == [False, False]
    assert count_messages(owner) == 1


def test_sql_refuses_a_key_that_was_used_with_other_messages(session, owner):
    program = session()
    publish = "SELECT ids, replayed FROM broker.publish_batch('orders', %s::json, %s, 'k')"
    [(ids, _)] = program.execute(publish, ['[{"content": 1}]', None])
    assert program.execute(publish, ['[{"content": 1}]', None]).fetchall() == [(ids, True)]
    for batch, sender in [('[{"content": 2}]', None), ('[{"content": 1}]', "another")]:
        with pytest.raises(psycopg.DatabaseError) as refused:
            program.execute(publish, [batch, sender])
        assert refused.value.sqlstate == "MB422"
    assert count_messages(owner) == 1


def test_a_key_belongs_to_the_login_that_used_it(session, owner):
    session().execute(PUBLISH_WITH_KEY)
    assert owner.execute(PUBLISH_WITH_KEY.replace("replayed", "NOT replayed")).fetchone()[1]
    assert count_messages(owner) == 2


def test_a_key_that_is_cleared_while_a_repeat_waits_is_claimed_again(owner, second, background):
    second.execute(PUBLISH_WITH_KEY)
    with owner.transaction():
        owner.execute("DELETE FROM idempotency_keys")
        repeat = background(second, PUBLISH_WITH_KEY)
    repeat.result()
    assert owner.execute("SELECT key FROM idempotency_keys").fetchall() == [("k",)]


def test_keys_older_than_a_day_are_cleared(client, owner):
    for key in "abc":
        client.post(PUBLISH, {"content": 1}, headers={"idempotency-key": key})
    owner.execute("UPDATE idempotency_keys SET expires_at = expires_at - interval '25 hours' WHERE key <> 'c'")
    assert owner.execute("SELECT broker.clear_idempotency_keys(10)").fetchone() == (2,)
    assert owner.execute("SELECT key FROM idempotency_keys").fetchall() == [("c",)]


def test_publish_returns_whether_it_was_a_repeat():
    idempotency = messages.Idempotency("k", b"1")
    document = messages.Publication('[{"content": 1}]', many=False)
    first = messages.publish("orders", document, "x", TOKEN_ID, idempotency)
    assert messages.publish("orders", document, "x", TOKEN_ID, idempotency) == messages.Published(
        first.ids, due=False, replayed=True
    )
    other = messages.Idempotency("k", b"2")
    with pytest.raises(IdempotencyKeyReused):
        messages.publish("orders", document, "x", TOKEN_ID, other)
    assert database.call("SELECT 1 AS one", {}, dict) == [{"one": 1}]
