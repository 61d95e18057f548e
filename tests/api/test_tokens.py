"""Tokens over HTTP: minted, shown and revoked. test_authorization.py tests what a token allows."""

from typing import Any

import psycopg
import pytest

from broker import authorization
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


def test_a_token_that_has_ended_is_refused_and_shown_with_its_end(
    client: Client, owner: psycopg.Connection[Any]
) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["browse"], "expires_in_seconds": 60}).json
    holder = Client(minted["token"])
    assert holder.get("/topics").status == 200
    owner.execute("UPDATE tokens SET expires_at = now() WHERE name = 'till-3'")
    authorization.forget()

    assert holder.get("/topics").status == 401
    assert client.get(f"/tokens/{minted['id']}").json["expires_at"] < minted["expires_at"]


@pytest.mark.parametrize("seconds", [59, 315_360_001, 60.5, "60"])
def test_a_token_ends_in_a_minute_to_ten_years(client: Client, seconds: object) -> None:
    request = {"name": "till-3", "scopes": ["browse"], "expires_in_seconds": seconds}
    refused = client.post("/tokens", request)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, "/expires_in_seconds")
    for allowed in (60, 315_360_000, None):
        assert (
            client.post("/tokens", {**request, "name": f"for-{allowed}", "expires_in_seconds": allowed}).status == 201
        )


def test_a_token_that_ends_mints_none_that_ends_later(client: Client) -> None:
    ends = client.post("/tokens", {"name": "lead", "scopes": ["tokens"], "expires_in_seconds": 3600}).json
    lead = Client(ends["token"])
    refused = lead.post("/tokens", {"name": "more", "scopes": ["tokens"], "expires_in_seconds": 3601})
    assert (refused.status, refused.json["errors"]) == (
        400,
        [{"pointer": "/expires_in_seconds", "detail": "the minting token ends before that"}],
    )
    same = lead.post("/tokens", {"name": "same", "scopes": ["tokens"]}).json
    assert same["expires_at"] == ends["expires_at"]


def test_a_token_is_shown_with_its_limit(client: Client) -> None:
    request = {"name": "till-3", "scopes": ["browse"], "requests_per_second": 50}
    minted = client.post("/tokens", request).json
    assert minted["requests_per_second"] == 50
    assert client.get(f"/tokens/{minted['id']}").json["requests_per_second"] == 50
    assert Client(minted["token"]).get("/tokens/self").json["requests_per_second"] == 50
    limits = {token["name"]: token["requests_per_second"] for token in client.get("/tokens").json["items"]}
    assert limits == {"admin": None, "till-3": 50}


@pytest.mark.parametrize("limit", [0, -1, 10_001, 1.5, "50", True])
def test_a_limit_is_1_to_10000_requests_a_second_or_none(client: Client, limit: object) -> None:
    request = {"name": "till-3", "scopes": ["browse"], "requests_per_second": limit}
    refused = client.post("/tokens", request)
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, "/requests_per_second")
    for allowed in (1, 10_000, None):
        minted = client.post("/tokens", {**request, "name": f"with-{allowed}", "requests_per_second": allowed})
        assert (minted.status, minted.json["requests_per_second"]) == (201, allowed)


def test_a_token_with_a_limit_mints_none_with_a_higher_one(client: Client) -> None:
    lead = Client(
        client.post("/tokens", {"name": "lead", "scopes": ["tokens"], "requests_per_second": 50}).json["token"]
    )
    refused = lead.post("/tokens", {"name": "more", "scopes": ["tokens"], "requests_per_second": 51})
    assert (refused.status, refused.json["errors"]) == (
        400,
        [{"pointer": "/requests_per_second", "detail": "the minting token has a lower limit"}],
    )
    for name, limit in (("same", None), ("less", 5)):
        minted = lead.post("/tokens", {"name": name, "scopes": ["tokens"], "requests_per_second": limit}).json
        assert minted["requests_per_second"] == (limit or 50)


def test_a_revoked_token_is_refused(client: Client) -> None:
    minted = client.post("/tokens", {"name": "till-3", "scopes": ["browse"]}).json
    holder = Client(minted["token"])
    assert holder.get("/topics").status == 200
    assert client.delete(f"/tokens/{minted['id']}").status == 204
    assert holder.get("/topics").status == 401
    assert client.get(f"/tokens/{minted['id']}").status == 404
