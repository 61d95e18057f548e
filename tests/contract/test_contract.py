"""What is said twice is the same: contract, template, functions, types and errors."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import openapi_spec_validator
import pytest

from broker import errors, tokens, topics
from broker.pubsub import attempts, broadcasts, secrets, subscriptions
from broker.queue import browsing, dead_letters, leases, messages
from scripts.contract import SERVED
from scripts.contract import contract as generated
from tests.support import contract
from tests.support.client import ROOT, app, routes, template

FUNCTIONS = {
    Path(resource["Properties"]["CodeUri"]).name
    for resource in template()["Resources"].values()
    if resource["Type"] == "AWS::Serverless::Function"
}
APPLICATIONS = {folder: app(folder).app for folder in FUNCTIONS if hasattr(app(folder), "app")}

REQUESTS = {
    "Message": messages.Message,
    "Batch": messages.Batch,
    "Consume": leases.Consume,
    "Settle": leases.Settle,
    "Subscribe": subscriptions.Subscribe,
    "ChangeSubscription": subscriptions.Change,
    "PutTopic": topics.Put,
    "PatchTopic": topics.Patch,
    "MintToken": tokens.Mint,
    "Redrive": dead_letters.Redrive,
    "RotateSecret": secrets.Rotate,
}
ANSWERS = {
    "LeasedMessage": leases.LeasedMessage,
    "Settled": leases.Settled,
    "WaitingMessage": browsing.WaitingMessage,
    "TracedMessage": browsing.TracedMessage,
    "Subscription": subscriptions.Subscription,
    "Lost": subscriptions.Lost,
    "Delivery": browsing.Delivery,
    "Attempt": attempts.Attempt,
    "Broadcast": broadcasts.Broadcast,
    "ListedTopic": topics.ListedTopic,
    "Topic": topics.Topic,
    "Queued": topics.Queued,
    "Dead": topics.Dead,
    "DeadLetter": dead_letters.DeadLetter,
    "RotatedSecret": secrets.Rotated,
    "ListedToken": tokens.ListedToken,
    "MintedToken": tokens.MintedToken,
}
QUERIES = {
    "browseMessages": browsing.Browse,
    "listDeadLetters": dead_letters.List,
    "deleteDeadLetters": dead_letters.Delete,
    "listTopics": app("manage").TopicPage,
    "listAttempts": app("manage").AttemptPage,
    "listTokens": app("manage").TokenPage,
    "deleteTopic": app("manage").Force,
    "health": app("manage").Health,
    "listSubscriptions": app("subscribe").Page,
    "unsubscribeUrl": app("subscribe").Url,
}


def test_the_contract_is_openapi() -> None:
    openapi_spec_validator.validate(contract.document())


def test_the_served_contract_is_the_written_one() -> None:
    assert SERVED.read_text() == generated(), "run python -m scripts.contract"


def test_the_contract_names_no_machine() -> None:
    assert [server["url"] for server in contract.document()["servers"]] == ["http://127.0.0.1:3000"]


def test_template_contract_and_functions_have_the_same_routes() -> None:
    declared = {route: folder for folder, application in APPLICATIONS.items() for route in application.routes}
    assert declared == routes()
    assert {operation.route for operation in contract.operations().values()} == routes().keys()


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_a_route_asks_for_the_scope_that_the_contract_says(operation: contract.Operation) -> None:
    _, scope = APPLICATIONS[routes()[operation.route]].routes[operation.route]
    assert operation.spec.get("x-scope") == scope
    assert (operation.spec.get("security") == []) == (scope is None)


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_an_operation_documents_each_parameter_of_its_path(operation: contract.Operation) -> None:
    documented = {each["name"] for each in operation.parameters if each["in"] == "path"}
    assert documented == set(re.findall(r"\{(\w+)\}", operation.path))


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_what_a_token_guards_says_how_it_refuses(operation: contract.Operation) -> None:
    statuses = operation.spec["responses"].keys()
    guarded = {"400", "401", "403", "503"} if operation.spec.get("x-scope") else set()
    sized = {"413"} if "requestBody" in operation.spec else set()
    assert statuses >= {"500"} | guarded | sized


def test_each_function_has_its_folder() -> None:
    assert {folder.parent.name for folder in (ROOT / "functions").glob("*/app.py")} == FUNCTIONS


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_documented_as_its_struct_is(name: str) -> None:
    assert _plain(contract.document()["components"]["schemas"][name]) == _declared(REQUESTS[name])


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_documented_as_its_dataclass_is(name: str) -> None:
    documented = _plain(contract.document()["components"]["schemas"][name])
    _narrows(documented, _declared(ANSWERS[name]), name)


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_a_query_is_documented_as_its_struct_is(operation: contract.Operation) -> None:
    documented = {each["name"]: each for each in operation.parameters if each["in"] == "query"}
    if operation.id not in QUERIES:
        assert not documented
        return
    declared = _declared(QUERIES[operation.id])
    assert {name for name, each in documented.items() if each.get("required")} == set(declared["required"])
    assert documented.keys() == declared["properties"].keys()
    for name, schema in declared["properties"].items():
        assert _plain(documented[name]["schema"]) == _of_text(schema)


def test_the_contract_names_every_scope() -> None:
    assert tuple(contract.document()["components"]["schemas"]["Scope"]["enum"]) == tokens.SCOPES


def test_the_contract_names_every_problem() -> None:
    schemas = contract.document()["components"]["schemas"]
    assert set(schemas["Problem"]["properties"]["type"]["enum"]) == {
        each.type() for each in errors.BrokerError.__subclasses__()
    }
    assert schemas["Fault"]["properties"].keys() == {field.name for field in dataclasses.fields(errors.Fault)}


@pytest.mark.parametrize("problem", errors.BrokerError.__subclasses__(), ids=lambda each: each.__name__)
def test_a_problem_has_its_example(problem: type[errors.BrokerError]) -> None:
    response = contract.document()["components"]["responses"][problem.__name__]
    example = response["content"]["application/problem+json"]["example"]
    assert (example["type"], example["title"], example["status"]) == (problem.type(), problem.title(), problem.status)
    assert response.get("headers", {}).keys() == problem.headers.keys()


def _declared(kind: Any) -> Any:
    """The JSON Schema of one of the package's types, its references put in."""
    schema = msgspec.json.schema(kind)
    return _plain(schema, lambda reference: schema["$defs"][reference.rpartition("/")[2]])


def _plain(node: Any, find: Callable[[str], Any] | None = None) -> Any:
    """A schema without references, words for people, and order where it says nothing."""
    if isinstance(node, list):
        return [_plain(each, find) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {
            **(find(node["$ref"]) if find else contract.resolved(node)),
            **{k: v for k, v in node.items() if k != "$ref"},
        }
    said = {name: _plain(value, find) for name, value in node.items() if name not in {"title", "description", "$defs"}}
    if isinstance(said.get("type"), list):  # [string, "null"]
        said = {"anyOf": [{**said, "type": said["type"][0]}, {"type": "null"}]}
    if said.get("anyOf") == [{}, {"type": "null"}]:
        return {}
    if isinstance(said.get("enum"), list):
        said["enum"] = sorted(said["enum"])
    if isinstance(said.get("required"), list):
        said["required"] = sorted(said["required"])
    elif said.get("type") == "object" and "properties" in said:
        said["required"] = []
    if isinstance(said.get("pattern"), str):
        said["pattern"] = said["pattern"].replace(r"\Z", "$")  # Python's $ lets a line break by
    return said


def _of_text(schema: Any) -> Any:
    """A query's parameter is either there or not: it is never null."""
    schema = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    return next((each for each in schema.get("anyOf", []) if each != {"type": "null"}), schema)


def _narrows(documented: Any, declared: Any, where: str) -> None:
    """Hold that the documented schema says all that the declared one does; it may say more."""
    for keyword, value in declared.items():
        if keyword == "properties":
            assert documented["properties"].keys() == value.keys(), where
            for name, schema in value.items():
                _narrows(documented["properties"][name], schema, f"{where}.{name}")
        elif keyword == "items":
            _narrows(documented["items"], value, f"{where}[]")
        elif keyword == "anyOf":
            for one, other in zip(documented["anyOf"], value, strict=True):
                _narrows(one, other, where)
        else:
            assert documented[keyword] == value, f"{where}: {keyword}"
