"""Every operation of the API can be reached."""

import re
from collections.abc import Callable, Iterator

import httpx2
import pytest
import yaml

from pgbroker.cli import session as sessions
from pgbroker.cli.patient import PatientBroker
from tests.client.cli.conftest import Ran
from tests.support.client import ROOT

ID = "01a20ce4-07b0-7303-aece-1db29531985d"
WITHIN = {  # what reaches each operation
    "publish": "publish orders 1",
    "browseMessages": "peek orders",
    "traceMessage": f"explain orders {ID}",
    "cancelMessage": f"cancel orders {ID} --yes",
    "listDeadLetters": "dead ls orders",
    "deleteDeadLetters": "dead rm orders --yes",
    "redrive": "dead redrive orders",
    "consume": "consume orders",
    "settle": f"ack orders {ID}.1",
    "ack": f"api DELETE /topics/orders/leases/{ID}.1",
    "subscribe": "subscriptions add orders https://example.com/",
    "listSubscriptions": "subscriptions ls orders",
    "unsubscribeUrl": "subscriptions rm orders --to https://example.com/ --yes",
    "readSubscription": f"subscriptions show orders {ID}",
    "changeSubscription": f"subscriptions pause orders {ID}",
    "unsubscribe": f"subscriptions rm orders {ID} --yes",
    "rotateSecret": f"subscriptions rotate-secret orders {ID}",
    "testSubscription": f"subscriptions test orders {ID}",
    "listHistory": "history orders",
    "readOverview": "overview",
    "listRates": "rates orders",
    "find": f"find {ID}",
    "resend": f"resend orders {ID} {ID}",
    "listAttempts": f"attempts orders {ID}",
    "broadcast": "broadcast orders",
    "listTopics": "topics ls",
    "readTopic": "topics show orders",
    "putTopic": "topics create orders",
    "changeTopic": "topics set orders --lease 1m",
    "deleteTopic": "topics rm orders --yes",
    "listTokens": "tokens ls",
    "mintToken": "tokens mint shop --scope publish",
    "readOwnToken": "tokens self",
    "readToken": f"tokens show {ID}",
    "revokeToken": f"tokens revoke {ID} --yes",
    "root": "api GET /",
    "health": "api GET /health",
    "contract": "api GET /openapi.json",
}
OPERATIONS = {
    operation["operationId"]: (method.upper(), path)
    for path, item in yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"].items()
    for method, operation in item.items()
    if method in {"get", "post", "put", "patch", "delete"}
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str]]]:
    """The requests that a command makes, each refused: their methods and paths."""
    asked: list[tuple[str, str]] = []

    def refuse(request: httpx2.Request) -> httpx2.Response:
        asked.append((request.method, request.url.raw_path.decode()))
        return httpx2.Response(400, json={"title": "refused"})

    def connect(session: sessions.Session, **_: object) -> PatientBroker:
        return PatientBroker(None, "", None, session.note, transport=httpx2.MockTransport(refuse))

    monkeypatch.setattr(sessions.Session, "connect", connect)
    return asked


def test_each_operation_has_a_command() -> None:
    assert WITHIN.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("operation", WITHIN)
def test_an_operation_is_reached(operation: str, run: Callable[..., Ran], asked: list[tuple[str, str]]) -> None:
    assert run(*WITHIN[operation].split()).code == 1
    method, path = OPERATIONS[operation]
    shape = re.sub(r"\\{\w+\\}", "[^/?]+", re.escape(path))
    [(found, target)] = asked
    assert found == method
    assert re.fullmatch(shape, target.partition("?")[0])
    assert operation != "unsubscribeUrl" or "url=" in target
