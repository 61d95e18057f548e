"""`sam local invoke` answers each file of events/ as tests/contract/test_events.py expects."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.test_events import ALSO, EVENTS, HTTP, PAGES, STORY
from tests.deployment.cloudformation import CloudFormation
from tests.sam import stack
from tests.sam.clients import Invoker, Remote
from tests.support import contract
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint

BACKGROUND = ("maintain-daily", "dispatch-wake-up", "dispatch-outcomes", "deliver", "migrate")
BROKEN = "def handler(event, context): raise ValueError(event['rawPath'])"


@pytest.fixture
def broken(bridge: stack.Bridge, tmp_path: Path) -> Iterator[Remote]:
    """An API with one function, which raises."""
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


def test_each_http_event_has_the_expected_response(sam: stack.Sam, webhooks: tuple[Endpoint, Endpoint]) -> None:
    client = Invoker(sam)
    story = Story(client, {"https://shop.example.com": webhooks[0].url})
    for name, status, example in STORY:
        event = story.real(EVENTS[name].read_text())
        route = json.loads(event)["routeKey"]
        story.answered(contract.by_route(route), client.answer(route, event), status, example)
        for also in ALSO.get(name, []):
            story.send(*also)
    webhooks[0].wait_for(1)


def test_each_event_of_the_background_functions_has_the_expected_answer(sam: stack.Sam) -> None:
    answers = {name: sam.invoke(name.partition("-")[0], EVENTS[name].read_text()) for name in BACKGROUND}
    assert answers["maintain-daily"].keys() == {"made", "lost", "ended", "removed", "kept", "cleared"}
    assert [answers[name] for name in ("dispatch-wake-up", "dispatch-outcomes", "deliver")] == [
        {"batchItemFailures": []}
    ] * 3
    assert answers["migrate"]["applied"] == []


def test_each_event_of_a_page_gets_it(sam: stack.Sam) -> None:
    for name in PAGES:
        answer = sam.invoke("console", EVENTS[name].read_text())
        assert (answer["statusCode"], answer["headers"]["Content-Encoding"]) == (200, "gzip")


def test_setup_answers_cloudformation(sam: stack.Sam, bridge: stack.Bridge) -> None:
    with CloudFormation(bridge.address) as cloudformation:
        event = {**json.loads(EVENTS["setup"].read_text()), "ResponseURL": cloudformation.url}
        sam.invoke("setup", json.dumps(event))
    assert [answer["Status"] for answer in cloudformation.answers] == ["SUCCESS"]


def test_each_event_file_is_tested() -> None:
    assert {*HTTP, *PAGES, *BACKGROUND, "setup"} == EVENTS.keys()


def test_an_exception_is_not_accepted_as_an_answer(sam: stack.Sam, broken: Remote) -> None:
    with pytest.raises(stack.Unhandled, match="KeyError"):
        sam.invoke("manage", "{}")
    with pytest.raises(stack.Unhandled, match="ValueError"):
        broken.get("/")
