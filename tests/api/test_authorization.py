"""Authorization: every route of the contract with every scope, on the token's topics and on others.

The requests are the contract's examples, which the right token can send. A refused request must change nothing.
"""

from collections.abc import Callable
from itertools import product
from typing import Any

import psycopg
import pytest

from broker import authorization, token_format
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, Client, Response, make_token
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint
from tests.support.snapshots import everything

OPERATIONS = list(contract.operations().values())
GUARDED = [operation for operation in OPERATIONS if operation.scopes]
PUBLIC = [operation for operation in OPERATIONS if operation not in GUARDED]
SCOPED = [operation for operation in GUARDED if operation.scopes != ("any",)]
TOPIC_OPERATIONS = [operation for operation in GUARDED if "{topic}" in operation.path]

TOPIC, OTHER_TOPIC = "orders", "invoices"
PATTERNS = ("orders", "till.*")
INVALID_AUTHORIZATIONS = {
    "none": None,
    "empty": "",
    "the scheme alone": "Bearer",
    "the scheme and a space": "Bearer ",
    "the scheme and two spaces": "Bearer  ",
    "a token alone": ADMIN_TOKEN,
    "another scheme": f"Basic {ADMIN_TOKEN}",
    "no space": f"Bearer{ADMIN_TOKEN}",
    "a colon": f"Bearer: {ADMIN_TOKEN}",
    "two tokens": f"Bearer {ADMIN_TOKEN} {ADMIN_TOKEN}",
    "two headers": f"Bearer {ADMIN_TOKEN},Bearer {ADMIN_TOKEN}",
    "a token in capitals": f"Bearer {ADMIN_TOKEN.upper()}",
    "the beginning of a token": f"Bearer {ADMIN_TOKEN[:-1]}",
    "an unknown token": f"Bearer {make_token('b')}",
    "a token of another key": f"Bearer {token_format.make(token_format.new_key())}",
    "a token without its check": f"Bearer {ADMIN_TOKEN[:-7]}",
    "not ASCII": "Bearer é\x00",
}

Request = tuple[str, str, Any]
MakeRequest = Callable[..., Request]


def operation_id(operation: contract.Operation) -> str:
    return operation.id


def client_with(client: Client, *scopes: str, topics: tuple[str, ...] = ("*",), limit: int | None = None) -> Client:
    """A client with a new token."""
    name = f"t{len(client.get('/tokens?limit=1000').json['items'])}"
    request = {"name": name, "scopes": scopes, "topics": topics, "requests_per_second": limit}
    return Client(client.post("/tokens", request).json["token"])


def faulty_request(operation: contract.Operation, topic: str = TOPIC) -> Request:
    """A request whose body, id and query are all faulty."""
    path = operation.path.format(topic=topic, id="no-id", receipt="no-receipt")
    return operation.method, f"{path}?nonsense=1", b"\xff{"


@pytest.fixture
def make_request(client: Client, endpoint: Endpoint) -> MakeRequest:
    """Make an operation's request, for which all that it names exists: `make_request(operation, topic)`."""
    known = {topic: _fill(client, topic, endpoint.url) for topic in (TOPIC, OTHER_TOPIC)}

    def request(operation: contract.Operation, topic: str = TOPIC) -> Request:
        query = {"force": "true"} if operation.id == "deleteTopic" else {}
        return Story(client, known[topic]).request(operation, query=query)

    return request


def _fill(client: Client, topic: str, webhook: str) -> dict[str, str]:
    """Create what the examples name, and return what replaces their texts in this topic.

    These are a waiting message, a lease, a dead letter, a message that was delivered, a subscription and a token.
    """
    subscribed = client.post(
        f"/topics/{topic}/subscriptions", {"url": f"{webhook}/hooks/{topic}", "batch_size": 50}
    ).json
    delivered = client.post(f"/topics/{topic}/messages", {"content": 0}).json["id"]
    client.post(f"/topics/{topic}/broadcast")
    ids = client.post(f"/topics/{topic}/messages", {"messages": [{"content": n} for n in range(3)]}).json["ids"]
    _, second = client.post(f"/topics/{topic}/consume", {"max": 2}).json["messages"]
    client.post(f"/topics/{topic}/settle", {"reject": [{"receipt": second["receipt"], "reason": "no such order"}]})
    minted = client.post("/tokens", {"name": f"of-{topic}", "scopes": ["tokens"], "topics": [TOPIC]}).json
    return {
        "01a20ce4-07b0-7303-aece-1db29531985d": ids[2],
        "01a20ce4-0bb6-74d3-b289-18b8a6a3a450": ids[0],
        "01a20ce4-0d38-723c-9ece-1e436cad4a26": subscribed["id"],
        "01a20ce4-13c2-73f6-9c93-cb1995e60af5": minted["id"],
        "01a20ce4-1516-76de-84cc-de061600a35a": delivered,
        "https://shop.example.com": webhook,
        TOPIC: topic,
        "publish": "tokens",  # the scope to grant: a token cannot grant more than it holds
    }


@pytest.mark.parametrize("operation", SCOPED, ids=operation_id)
def test_a_route_needs_a_token_with_its_scope_and_topic(
    client: Client, owner: psycopg.Connection[Any], make_request: MakeRequest, operation: contract.Operation
) -> None:
    right = [(scope, TOPIC) for scope in operation.scopes]
    topics = (TOPIC, OTHER_TOPIC) if operation in TOPIC_OPERATIONS else (TOPIC,)
    clients = {scope: client_with(client, scope, topics=PATTERNS) for scope in authorization.SCOPES}
    before = everything(owner)

    statuses = {
        (scope, topic): clients[scope].request(*make_request(operation, topic)).status
        for scope, topic in product(authorization.SCOPES, topics)
        if (scope, topic) not in right
    }

    assert statuses == dict.fromkeys(statuses, 403)
    assert everything(owner) == before
    for scope in operation.scopes:
        assert clients[scope].request(*make_request(operation)).status < 300


@pytest.mark.parametrize("operation", SCOPED, ids=operation_id)
def test_a_token_with_all_other_scopes_is_refused(client: Client, operation: contract.Operation) -> None:
    others = client_with(client, *(other for other in authorization.SCOPES if other not in operation.scopes))
    response = others.request(*faulty_request(operation))
    detail = f"the token does not have the scope {' or '.join(operation.scopes)}"
    assert (response.status, response.json["detail"]) == (403, detail)


@pytest.mark.parametrize("scope", authorization.SCOPES)
def test_a_token_reads_itself_with_any_scope(client: Client, scope: str) -> None:
    request = {"name": "own", "scopes": [scope], "topics": PATTERNS}
    minted = client.post("/tokens", {**request, "expires_in_seconds": 60, "requests_per_second": 5})
    shown = Client(minted.json["token"]).get("/tokens/self")
    assert (shown.status, shown.json) == (
        200,
        {name: value for name, value in minted.json.items() if name != "token"},
    )


@pytest.mark.parametrize("operation", TOPIC_OPERATIONS, ids=operation_id)
def test_a_token_is_valid_for_the_topics_that_its_patterns_cover(client: Client, operation: contract.Operation) -> None:
    limited = client_with(client, *operation.scopes, topics=PATTERNS)
    for topic in ("orders", "till.", "till.3"):
        assert limited.request(*faulty_request(operation, topic)).status in {400, 404}
    for topic in ("order", "orders2", "Orders", "till", "default", "orders%0A", "x%20y"):
        assert limited.request(*faulty_request(operation, topic)).status == 403


@pytest.mark.parametrize("operation", GUARDED, ids=operation_id)
def test_a_request_without_a_valid_token_is_refused_and_changes_nothing(
    owner: psycopg.Connection[Any], make_request: MakeRequest, operation: contract.Operation
) -> None:
    before = everything(owner)
    for name, header in INVALID_AUTHORIZATIONS.items():
        headers = {} if header is None else {"authorization": header}
        for request in (faulty_request(operation), make_request(operation)):
            assert is_unauthorized(Client(None).request(*request, headers=headers)), name
    assert everything(owner) == before


@pytest.mark.parametrize("operation", GUARDED, ids=operation_id)
def test_a_revoked_token_is_refused_on_every_route(
    client: Client, owner: psycopg.Connection[Any], make_request: MakeRequest, operation: contract.Operation
) -> None:
    minted = client.post("/tokens", {"name": "lost", "scopes": authorization.SCOPES}).json
    revoked = Client(minted["token"])
    assert revoked.get("/topics").status == 200
    client.delete(f"/tokens/{minted['id']}")
    before = everything(owner)
    assert is_unauthorized(revoked.request(*make_request(operation)))
    assert everything(owner) == before


@pytest.mark.parametrize("operation", GUARDED, ids=operation_id)
def test_a_request_over_the_limit_of_its_token_is_refused_on_every_route_and_changes_nothing(
    client: Client,
    owner: psycopg.Connection[Any],
    make_request: MakeRequest,
    limit_clock: Callable[[float], None],
    operation: contract.Operation,
) -> None:
    limited = client_with(client, *authorization.SCOPES, limit=50)  # that of the example of a mint
    while limited.get("/tokens/self").status == 200:
        pass
    before = everything(owner)
    for request in (faulty_request(operation), make_request(operation)):
        refused = limited.request(*request)
        assert (refused.status, refused.json["type"]) == (429, "urn:pgbroker:problem:too-many-requests")
    assert everything(owner) == before

    limit_clock(1)

    assert limited.request(*make_request(operation)).status < 300


def is_unauthorized(response: Response) -> bool:
    return (response.status, response.headers.get("WWW-Authenticate"), response.json["type"]) == (
        401,
        "Bearer",
        "urn:pgbroker:problem:unauthorized",
    )


@pytest.mark.parametrize("operation", PUBLIC, ids=operation_id)
@pytest.mark.parametrize("header", [None, "Bearer nonsense"])
def test_a_public_route_needs_no_token(operation: contract.Operation, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    assert Client(None).request(operation.method, operation.path, headers=headers).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_bearer_may_be_written_in_any_case(client: Client, scheme: str) -> None:
    assert Client(None).get("/topics", headers={"authorization": f"{scheme} {client.token}"}).status == 200


def test_the_health_check_of_the_database_needs_the_scope_manage(client: Client) -> None:
    assert Client(None).get("/health?database=false").status == 200
    for scope in authorization.SCOPES:
        response = client_with(client, scope, topics=PATTERNS).get("/health?database=true")
        assert response.status == (200 if scope == "manage" else 403)
    assert is_unauthorized(Client(None).get("/health?database=true"))
