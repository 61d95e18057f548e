"""Tokens over HTTP: minted, shown and revoked. test_authorization.py tests what a token allows."""

from tests.support.client import Client


def client_with(client: Client, *scopes: str, topics: tuple[str, ...] = ("*",)) -> Client:
    """A client with a new token."""
    return Client(client.post("/tokens", {"name": "some", "scopes": scopes, "topics": topics}).json["token"])


def test_the_list_of_topics_has_only_those_that_the_token_covers(client: Client) -> None:
    for topic in ("orders", "till.1", "till.2", "invoices"):
        client.put(f"/topics/{topic}")
    limited = client_with(client, "browse", topics=("orders", "till.*"))
    assert [topic["name"] for topic in limited.get("/topics").json["items"]] == ["orders", "till.1", "till.2"]


def test_a_token_cannot_grant_more_than_it_holds(client: Client) -> None:
    limited = client_with(client, "tokens", "publish", topics=("orders", "till.*"))
    request = {"name": "more", "scopes": ["publish", "browse"], "topics": ["till.3", "till.3*", "til*", "*", "orders*"]}

    refused = limited.post("/tokens", request)

    assert refused.status == 400
    assert [fault["pointer"] for fault in refused.json["errors"]] == [
        "/scopes/1",
        "/topics/2",
        "/topics/3",
        "/topics/4",
    ]
    assert limited.post("/tokens", {"name": "more", "scopes": ["publish"]}).status == 400  # the default is all topics
    minted = limited.post("/tokens", {"name": "less", "scopes": ["publish"], "topics": ["till.3*"]})
    assert minted.status == 201
    assert Client(minted.json["token"]).post("/topics/till.33/messages", {"content": 1}).status == 201


def test_a_token_name_can_be_used_once(client: Client) -> None:
    request = {"name": "till-3", "scopes": ["publish"]}
    assert client.post("/tokens", request).status == 201
    assert client.post("/tokens", request).status == 409


def test_a_token_is_shown_only_when_it_is_minted(client: Client) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json
    assert minted["token"] not in client.get("/tokens").text
    assert minted["token"] not in client.get(f"/tokens/{minted['id']}").text


def test_a_revoked_token_is_refused(client: Client) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["browse"]}).json
    holder = Client(minted["token"])
    assert holder.get("/topics").status == 200
    assert client.delete(f"/tokens/{minted['id']}").status == 204
    assert holder.get("/topics").status == 401
    assert client.get(f"/tokens/{minted['id']}").status == 404
