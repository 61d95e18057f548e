"""Find: what an id is of, and where it is, in topics that the token covers."""

import pytest

from tests.api.test_authorization import client_with
from tests.support.client import Client

UNKNOWN = "01a20ce4-07b0-7303-aece-1db29531985d"
URL = "http://127.0.0.1:8009/hook"


@pytest.fixture
def ids(client: Client) -> dict[str, str]:
    """A message and a subscription of the topic orders."""
    message = client.post("/topics/orders/messages", {"content": 1}).json["id"]
    subscription = client.post("/topics/orders/subscriptions", {"url": URL}).json["id"]
    return {"message": message, "subscription": subscription}


def test_an_id_is_found_with_its_kind_and_its_topic(client: Client, ids: dict[str, str]) -> None:
    for kind, each in ids.items():
        assert client.get(f"/find/{each}").json == {"id": each, "kind": kind, "topic": "orders"}


def test_a_message_is_found_whatever_its_state(client: Client, ids: dict[str, str]) -> None:
    found = {"id": ids["message"], "kind": "message", "topic": "orders"}
    client.post("/topics/orders/broadcast")
    assert client.get(f"/find/{ids['message']}").json == found
    consumed = client.post("/topics/orders/messages", {"content": 2}).json["id"]
    client.post("/topics/orders/consume", {"auto_ack": True})
    assert client.get(f"/find/{consumed}").json == {**found, "id": consumed}


def test_what_the_token_does_not_cover_is_not_found(client: Client, ids: dict[str, str]) -> None:
    others = client_with(client, "browse", topics=("invoices", "order"))
    covers = client_with(client, "browse", topics=("ord*",))
    for each in ids.values():
        assert others.get(f"/find/{each}").status == 404
        assert others.get(f"/find/{each}").json["detail"] == client.get(f"/find/{UNKNOWN}").json["detail"]
        assert covers.get(f"/find/{each}").status == 200


def test_what_was_deleted_is_not_found(client: Client, ids: dict[str, str]) -> None:
    client.delete(f"/topics/orders/subscriptions/{ids['subscription']}")
    assert client.get(f"/find/{ids['subscription']}").status == 404
    client.delete("/topics/orders?force=true")
    assert client.get(f"/find/{ids['message']}").status == 404
