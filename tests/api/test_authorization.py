"""Who may do what: each route of the contract by each scope, on own and foreign topics.

The requests are the contract's examples, and would do what they say: what is refused has to change nothing.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import psycopg
import pytest

from broker import tokens
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, Client, Response
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint
from tests.support.snapshots import everything

OPERATIONS = list(contract.operations().values())
GUARDED = [operation for operation in OPERATIONS if "x-scope" in operation.spec]
PUBLIC = [operation for operation in OPERATIONS if operation not in GUARDED]
OF_A_TOPIC = [operation for operation in GUARDED if "{topic}" in operation.path]

OWN, FOREIGN = "orders", "invoices"
COVERED = ("orders", "till.*")
NO_TOKEN = {
    "none": None,
    "empty": "",
    "a word": "Bearer",
    "a word and a space": "Bearer ",
    "a word and two": "Bearer  ",
    "a token alone": ADMIN_TOKEN,
    "another scheme": f"Basic {ADMIN_TOKEN}",
    "no space": f"Bearer{ADMIN_TOKEN}",
    "a colon": f"Bearer: {ADMIN_TOKEN}",
    "two tokens": f"Bearer {ADMIN_TOKEN} {ADMIN_TOKEN}",
    "two headers": f"Bearer {ADMIN_TOKEN},Bearer {ADMIN_TOKEN}",
    "capitals": f"Bearer {ADMIN_TOKEN.upper()}",
    "the beginning of a token": f"Bearer {ADMIN_TOKEN[:-1]}",
    "unknown": "Bearer brk_" + "b" * 43,
    "no ASCII": "Bearer é\x00",
}

Request = tuple[str, str, Any]
Requests = Callable[..., Request]


def named(operation: contract.Operation) -> str:
    return operation.id


def token(client: Client, *scopes: str, topics: tuple[str, ...] = ("*",)) -> Client:
    name = f"t{len(client.get('/tokens?limit=1000').json['items'])}"
    return Client(client.post("/tokens", {"name": name, "scopes": scopes, "topics": topics}).json["token"])


def faulty(operation: contract.Operation, topic: str = OWN) -> Request:
    """A request whose body, id and query are all faulty."""
    path = operation.path.format(topic=topic, id="no-id", receipt="no-receipt")
    return operation.method, f"{path}?nonsense=1", b"\xff{"


@pytest.fixture
def requests(client: Client, endpoint: Endpoint) -> Requests:
    """Make a request of an operation that finds in `topic` what it is about: `requests(operation, topic)`."""
    mentioned = {topic: _fill(client, topic, endpoint.url) for topic in (OWN, FOREIGN)}

    def request(operation: contract.Operation, topic: str = OWN) -> Request:
        query = {"force": "true"} if operation.id == "deleteTopic" else {}
        return Story(client, mentioned[topic]).request(operation, query=query)

    return request


def _fill(client: Client, topic: str, webhook: str) -> dict[str, str]:
    """Have a message that waits, a lease, a dead letter, a subscription and a token: what the examples are about."""
    ids = client.post(f"/topics/{topic}/messages", {"messages": [{"content": n} for n in range(3)]}).json["ids"]
    _, second = client.post(f"/topics/{topic}/consume", {"max": 2}).json["messages"]
    client.post(f"/topics/{topic}/settle", {"reject": [{"receipt": second["receipt"], "reason": "no such order"}]})
    subscribed = client.post(
        f"/topics/{topic}/subscriptions", {"url": f"{webhook}/hooks/{topic}", "batch_size": 50}
    ).json
    minted = client.post("/tokens", {"name": f"of-{topic}", "scopes": ["tokens"], "topics": [OWN]}).json
    return {
        "01a20ce4-07b0-7303-aece-1db29531985d": ids[2],
        "01a20ce4-0bb6-74d3-b289-18b8a6a3a450": ids[0],
        "01a20ce4-0d38-723c-9ece-1e436cad4a26": subscribed["id"],
        "01a20ce4-13c2-73f6-9c93-cb1995e60af5": minted["id"],
        "https://shop.example.com": webhook,
        OWN: topic,
        "publish": "tokens",  # the scope that is minted: a token cannot grant more than it holds
    }


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_route_opens_to_its_scope_on_its_topics_and_to_nothing_else(
    client: Client, owner: psycopg.Connection[Any], requests: Requests, operation: contract.Operation
) -> None:
    own = (operation.spec["x-scope"], OWN)
    topics = (OWN, FOREIGN) if operation in OF_A_TOPIC else (OWN,)
    bearers = {scope: token(client, scope, topics=COVERED) for scope in tokens.SCOPES}
    before = everything(owner)

    answers = {
        (scope, topic): bearers[scope].request(*requests(operation, topic)).status
        for scope, topic in product(tokens.SCOPES, topics)
        if (scope, topic) != own
    }

    assert answers == dict.fromkeys(answers, 403)
    assert everything(owner) == before
    assert bearers[own[0]].request(*requests(operation)).status < 300


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_all_other_scopes_together_do_not_open_a_route(client: Client, operation: contract.Operation) -> None:
    scope = operation.spec["x-scope"]
    others = token(client, *(other for other in tokens.SCOPES if other != scope))
    response = others.request(*faulty(operation))
    assert (response.status, response.json["detail"]) == (403, f"the token does not have the scope {scope}")


@pytest.mark.parametrize("operation", OF_A_TOPIC, ids=named)
def test_a_token_opens_the_topics_that_its_patterns_cover(client: Client, operation: contract.Operation) -> None:
    some = token(client, operation.spec["x-scope"], topics=COVERED)
    for topic in ("orders", "till.", "till.3"):
        assert some.request(*faulty(operation, topic)).status in {400, 404}
    for topic in ("order", "orders2", "Orders", "till", "default", "orders%0A", "x%20y"):
        assert some.request(*faulty(operation, topic)).status == 403


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_without_a_valid_token_nothing_is_read_and_nothing_changes(
    owner: psycopg.Connection[Any], requests: Requests, operation: contract.Operation
) -> None:
    before = everything(owner)
    for name, authorization in NO_TOKEN.items():
        headers = {} if authorization is None else {"authorization": authorization}
        for request in (faulty(operation), requests(operation)):
            assert refused(Client(None).request(*request, headers=headers)), name
    assert everything(owner) == before


@pytest.mark.parametrize("operation", GUARDED, ids=named)
def test_a_revoked_token_opens_nothing(
    client: Client, owner: psycopg.Connection[Any], requests: Requests, operation: contract.Operation
) -> None:
    minted = client.post("/tokens", {"name": "lost", "scopes": tokens.SCOPES}).json
    some = Client(minted["token"])
    assert some.get("/topics").status == 200
    client.delete(f"/tokens/{minted['id']}")
    before = everything(owner)
    assert refused(some.request(*requests(operation)))
    assert everything(owner) == before


def refused(response: Response) -> bool:
    return (response.status, response.headers.get("WWW-Authenticate"), response.json["type"]) == (
        401,
        "Bearer",
        "urn:pgbroker:problem:unauthorized",
    )


@pytest.mark.parametrize("operation", PUBLIC, ids=named)
@pytest.mark.parametrize("authorization", [None, "Bearer nonsense"])
def test_a_public_route_asks_for_no_token(operation: contract.Operation, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    assert Client(None).request(operation.method, operation.path, headers=headers).status == 200


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_the_word_bearer_may_be_written_in_any_case(client: Client, kind: str) -> None:
    assert Client(None).get("/topics", headers={"authorization": f"{kind} {client.token}"}).status == 200


def test_health_asks_the_database_only_with_a_token_that_may(client: Client) -> None:
    assert Client(None).get("/health?database=false").status == 200
    for scope in tokens.SCOPES:
        asked = token(client, scope, topics=COVERED).get("/health?database=true")
        assert asked.status == (200 if scope == "manage" else 403)
    assert refused(Client(None).get("/health?database=true"))
