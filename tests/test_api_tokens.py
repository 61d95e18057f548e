"""Who may do what: 401 without a valid token, 403 without its right, before anything of the request is read."""

from typing import Any

import pytest

from broker import tokens
from tests import contract
from tests.client import Client, Response

OPERATIONS = list(contract.operations().values())
GUARDED = [operation for operation in OPERATIONS if "x-scope" in operation.wish]
OF_A_TOPIC = [operation for operation in GUARDED if "{topic}" in operation.path]
BROKEN = b"\xff{"
ID = "01a20ce4-07b0-7303-aece-1db29531985d"


def named(operation: contract.Operation) -> str:
    return operation.id


def send(client: Client, operation: contract.Operation, *, topic: str = "orders", **options: Any) -> Response:
    """A request whose body, id and query are all faulty."""
    path = operation.path.format(topic=topic, id="no-id", receipt="no-receipt")
    return client.request(operation.method, f"{path}?nonsense=1", BROKEN, **options)


def token(client: Client, *scopes: str, topics: tuple[str, ...] = ("*",)) -> Client:
    name = f"t{len(client.get('/tokens?limit=1000').json['items'])}"
    return Client(client.post("/tokens", {"name": name, "scopes": scopes, "topics": topics}).json["token"])


@pytest.mark.parametrize("operation", GUARDED, ids=named)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "brk_" + "a" * 43,
        "Bearer brk_" + "b" * 43,
        "Bearer é\x00",
        "Bearer  ",
    ],
)
def test_without_a_valid_token_nothing_is_read(operation: contract.Operation, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = send(Client(None), operation, headers=headers)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json["type"] == "urn:broker:problem:unauthorized"


@pytest.mark.parametrize("scope", tokens.SCOPES)
def test_a_scope_opens_its_routes_and_no_other(client: Client, scope: str) -> None:
    some = token(client, scope)
    opened = {operation.id for operation in GUARDED if send(some, operation).status != 403}
    assert opened == {operation.id for operation in GUARDED if operation.wish["x-scope"] == scope}


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_scope_that_lacks_is_named_before_anything_is_read(client: Client, operation: contract.Operation) -> None:
    scope = operation.wish["x-scope"]
    response = send(token(client, *(other for other in tokens.SCOPES if other != scope)), operation)
    assert (response.status, response.json["detail"]) == (403, f"the token lacks the scope {scope}")


@pytest.mark.parametrize("operation", OF_A_TOPIC, ids=named)
def test_a_token_opens_its_topics_and_no_other(client: Client, operation: contract.Operation) -> None:
    some = token(client, operation.wish["x-scope"], topics=("orders", "till.*"))
    for topic in ("orders", "till.", "till.3"):
        assert send(some, operation, topic=topic).status in {400, 404}
    for topic in ("order", "orders2", "Orders", "till", "default", "orders%0A", "x%20y"):
        assert send(some, operation, topic=topic).status == 403


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in GUARDED], ids=named)
@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
def test_a_public_route_asks_for_no_token(operation: contract.Operation, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    assert Client(None).request(operation.method, operation.path, headers=headers).status == 200


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_the_word_bearer_may_be_written_in_any_case(client: Client, kind: str) -> None:
    assert Client(None).get("/topics", headers={"authorization": f"{kind} {client.token}"}).status == 200


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


def test_health_asks_the_database_only_with_a_token_that_may(client: Client) -> None:
    assert Client(None).get("/health?database=false").status == 200
    assert Client(None).get("/health?database=true").status == 401
    assert token(client, "browse").get("/health?database=true").status == 403
    assert token(client, "manage", topics=("orders",)).get("/health?database=true").json == {"status": "ok"}
