"""Tokens over HTTP: what is minted, shown and revoked. What a token opens is in test_authorisation.py."""

from tests.support.client import Client


def token(client: Client, *scopes: str, topics: tuple[str, ...] = ("*",)) -> Client:
    return Client(client.post("/tokens", {"name": "some", "scopes": scopes, "topics": topics}).json["token"])


def test_topics_are_listed_as_far_as_the_token_covers_them(client: Client) -> None:
    for topic in ("orders", "till.1", "till.2", "invoices"):
        client.put(f"/topics/{topic}")
    some = token(client, "browse", topics=("orders", "till.*"))
    assert [topic["name"] for topic in some.get("/topics").json["items"]] == ["orders", "till.1", "till.2"]


def test_a_token_mints_no_more_than_it_has(client: Client) -> None:
    some = token(client, "tokens", "publish", topics=("orders", "till.*"))
    wish = {"name": "more", "scopes": ["publish", "browse"], "topics": ["till.3", "till.3*", "til*", "*", "orders*"]}

    refused = some.post("/tokens", wish)

    assert refused.status == 400
    assert [fault["pointer"] for fault in refused.json["errors"]] == [
        "/scopes/1",
        "/topics/2",
        "/topics/3",
        "/topics/4",
    ]
    assert some.post("/tokens", {"name": "more", "scopes": ["publish"]}).status == 400  # the default is all topics
    minted = some.post("/tokens", {"name": "less", "scopes": ["publish"], "topics": ["till.3*"]})
    assert minted.status == 201
    assert Client(minted.json["token"]).post("/topics/till.33/messages", {"content": 1}).status == 201


def test_a_tokens_name_is_taken_once(client: Client) -> None:
    wish = {"name": "till-3", "scopes": ["publish"]}
    assert client.post("/tokens", wish).status == 201
    assert client.post("/tokens", wish).status == 409


def test_a_token_is_shown_once(client: Client) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["publish"]}).json
    assert minted["token"] not in client.get("/tokens").text
    assert minted["token"] not in client.get(f"/tokens/{minted['id']}").text


def test_a_revoked_token_is_refused(client: Client) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["browse"]}).json
    some = Client(minted["token"])
    assert some.get("/topics").status == 200
    assert client.delete(f"/tokens/{minted['id']}").status == 204
    assert some.get("/topics").status == 401
    assert client.get(f"/tokens/{minted['id']}").status == 404
