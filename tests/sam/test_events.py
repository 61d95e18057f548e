"""Each file of events/ is answered by `sam local invoke` as tests/contract/test_events.py says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_events import ALSO, EVENTS, HTTP, STORY
from tests.sam import stack
from tests.sam.clients import Invoker, Remote
from tests.support import contract
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint

CHORES = ("maintain-daily", "dispatch", "dispatch-wake-up", "dispatch-outcomes", "deliver", "migrate")
BROKEN = "def handler(event, context): raise ValueError(event['rawPath'])"


@pytest.fixture
def broken(bridge: stack.Bridge, tmp_path: Path) -> Iterator[Remote]:
    """An api whose one function raises."""
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "app.py").write_text(BROKEN)
    template = tmp_path / "template.yaml"
    template.write_text("""
Transform: AWS::Serverless-2016-10-31
Resources:
  Manage:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: function
      Handler: app.handler
      Runtime: python3.13
      Events: {Root: {Type: HttpApi, Properties: {Method: GET, Path: /}}}
""")
    with stack.Sam({}, template).api(tmp_path / "log", warm="LAZY") as api:
        yield Remote(api.url)


def test_each_request_is_answered(sam: stack.Sam, webhooks: tuple[Endpoint, Endpoint]) -> None:
    client = Invoker(sam)
    story = Story(client, {"https://shop.example.com": webhooks[0].url})
    for name, status, example in STORY:
        event = story.real(EVENTS[name].read_text())
        route = json.loads(event)["routeKey"]
        story.answered(contract.by_route(route), client.answer(route, event), status, example)
        for also in ALSO.get(name, []):
            story.tell(*also)
    webhooks[0].wait_for(1)


def test_the_chores_are_done(sam: stack.Sam) -> None:
    done = {name: sam.invoke(name.partition("-")[0], EVENTS[name].read_text()) for name in CHORES}
    assert done["maintain-daily"].keys() == {"made", "lost", "removed", "kept", "cleared", "sent"}
    assert done["dispatch"] == {"next_due_at": None}
    assert [done[name] for name in ("dispatch-wake-up", "dispatch-outcomes", "deliver")] == [
        {"batchItemFailures": []}
    ] * 3
    assert done["migrate"]["applied"] == []


def test_no_event_is_left_out() -> None:
    assert {*HTTP, *CHORES} == EVENTS.keys()


def test_an_exception_is_not_taken_for_an_answer(sam: stack.Sam, broken: Remote) -> None:
    with pytest.raises(stack.Unhandled, match="KeyError"):
        sam.invoke("manage", "{}")
    with pytest.raises(stack.Unhandled, match="ValueError"):
        broken.get("/")
