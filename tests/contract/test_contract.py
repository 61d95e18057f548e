"""The contract, the template, the functions, the types and the errors agree with each other."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import openapi_spec_validator
import pytest

from broker import authorization, errors, finding, overview, rates, token_format, tokens, topics
from broker.pubsub import attempts, broadcasts, reading, resends, secrets, subscriptions
from broker.queue import browsing, dead_letters, history, leases, messages
from scripts.contract import SERVED
from scripts.contract import contract as generated
from tests.support import contract
from tests.support.client import PAGES, ROOT, TOKEN_KEY, app, routes, template

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
    "Resend": resends.Resend,
    "RotateSecret": secrets.Rotate,
}
RESPONSES = {
    "LeasedMessage": leases.LeasedMessage,
    "Settled": leases.Settled,
    "WaitingMessage": browsing.WaitingMessage,
    "TracedMessage": browsing.TracedMessage,
    "Subscription": reading.Subscription,
    "Lost": reading.Lost,
    "LastAttempt": reading.LastAttempt,
    "Delivery": browsing.Delivery,
    "HistoryMessage": history.HistoryMessage,
    "Rates": rates.Rates,
    "RatesStep": rates.RatesStep,
    "Resent": resends.Resent,
    "Found": finding.Found,
    "Overview": overview.Overview,
    "Totals": overview.Totals,
    "CoveredTopics": overview.CoveredTopics,
    "Count": overview.Count,
    "TopicOverview": overview.TopicOverview,
    "SubscriptionOverview": overview.SubscriptionOverview,
    "Attempt": attempts.Attempt,
    "Broadcast": broadcasts.Broadcast,
    "ListedTopic": topics.ListedTopic,
    "Topic": topics.Topic,
    "Queued": topics.Queued,
    "Waiting": topics.Waiting,
    "Dead": topics.Dead,
    "DeletedTopic": topics.DeletedTopic,
    "DeadLetter": dead_letters.DeadLetter,
    "RotatedSecret": secrets.Rotated,
    "ListedToken": authorization.Token,
    "MintedToken": tokens.MintedToken,
}
CONTRACT = "GET /openapi.json"
QUERIES = {
    "broadcast": broadcasts.StartBroadcast,
    "browseMessages": browsing.Browse,
    "listHistory": history.List,
    "readOverview": overview.Read,
    "listRates": rates.List,
    "listDeadLetters": dead_letters.List,
    "deleteDeadLetters": dead_letters.Delete,
    "listTopics": app("manage").TopicPage,
    "listAttempts": attempts.List,
    "listTokens": app("manage").TokenPage,
    "deleteTopic": topics.Delete,
    "health": app("manage").Health,
    "listSubscriptions": app("subscribe").Page,
    "unsubscribeUrl": app("subscribe").Url,
}


def test_the_contract_is_valid_openapi() -> None:
    openapi_spec_validator.validate(contract.document())


def test_the_served_contract_is_generated_from_openapi_yaml() -> None:
    assert SERVED.read_text() == generated(), "run python -m scripts.contract"


def test_the_only_server_in_the_contract_is_the_local_one() -> None:
    assert [server["url"] for server in contract.document()["servers"]] == ["http://127.0.0.1:3000"]


def test_template_contract_and_functions_have_the_same_routes() -> None:
    declared = {route: folder for folder, application in APPLICATIONS.items() for route in application.routes}
    declared |= dict.fromkeys({*PAGES, CONTRACT}, "console")
    assert declared == routes()
    assert {operation.route for operation in contract.operations().values()} == routes().keys() - PAGES


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_a_route_requires_the_scope_that_the_contract_names(operation: contract.Operation) -> None:
    folder = routes()[operation.route]
    scopes = () if folder == "console" else APPLICATIONS[folder].routes[operation.route][1]
    assert operation.scopes == scopes
    assert (operation.spec.get("security") == []) == (scopes == ())


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_an_operation_documents_each_parameter_of_its_path(operation: contract.Operation) -> None:
    documented = {each["name"] for each in operation.parameters if each["in"] == "path"}
    assert documented == set(re.findall(r"\{(\w+)\}", operation.path))


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_an_operation_documents_its_errors(operation: contract.Operation) -> None:
    statuses = operation.spec["responses"].keys()
    guarded = {"401", "429", "503"} if operation.scopes else set()
    guarded |= {"400", "403"} if set(operation.scopes) & set(authorization.SCOPES) else set()
    sized = {"413"} if "requestBody" in operation.spec else set()
    assert statuses >= {"500"} | guarded | sized


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_each_response_to_a_token_may_have_the_fields_of_its_limit(operation: contract.Operation) -> None:
    known = "401" in operation.spec["responses"]
    for status in operation.spec["responses"].keys() - {"401", "500"}:
        fields = contract.LIMIT_FIELDS if known else set()
        assert operation.answer(status).get("headers", {}).keys() & contract.LIMIT_FIELDS == fields, status


def test_each_function_has_a_folder() -> None:
    assert {folder.parent.name for folder in (ROOT / "functions").glob("*/app.py")} == FUNCTIONS


@pytest.mark.parametrize("name", REQUESTS)
def test_the_schema_of_a_request_equals_its_struct(name: str) -> None:
    assert _normalize(contract.document()["components"]["schemas"][name]) == _schema_of(REQUESTS[name])


@pytest.mark.parametrize("name", RESPONSES)
def test_the_schema_of_a_response_has_all_that_its_dataclass_declares(name: str) -> None:
    documented = _normalize(contract.document()["components"]["schemas"][name])
    declared = _schema_of(RESPONSES[name])
    declared["properties"].pop("due", None)  # for the notifier: no caller is shown it
    _check_covers(documented, declared, name)


@pytest.mark.parametrize("operation", contract.operations().values(), ids=lambda each: each.id)
def test_the_parameters_of_a_query_equal_its_struct(operation: contract.Operation) -> None:
    documented = {each["name"]: each for each in operation.parameters if each["in"] == "query"}
    if operation.id not in QUERIES:
        assert not documented
        return
    declared = _schema_of(QUERIES[operation.id])
    assert {name for name, each in documented.items() if each.get("required")} == set(declared["required"])
    assert documented.keys() == declared["properties"].keys()
    for name, schema in declared["properties"].items():
        assert _normalize(documented[name]["schema"]) == _never_null(schema)


def test_the_token_of_the_example_has_a_valid_check() -> None:
    [example] = contract.operations()["mintToken"].answers(201).values()
    assert token_format.verify(example["token"], [TOKEN_KEY])


def test_the_contract_names_every_scope() -> None:
    assert tuple(contract.document()["components"]["schemas"]["Scope"]["enum"]) == authorization.SCOPES


def test_the_contract_names_every_problem() -> None:
    schemas = contract.document()["components"]["schemas"]
    assert set(schemas["Problem"]["properties"]["type"]["enum"]) == {
        each.type() for each in errors.BrokerError.__subclasses__()
    }
    assert schemas["Fault"]["properties"].keys() == {field.name for field in msgspec.structs.fields(errors.Fault)}


@pytest.mark.parametrize("problem", errors.BrokerError.__subclasses__(), ids=lambda each: each.__name__)
def test_every_problem_has_an_example(problem: type[errors.BrokerError]) -> None:
    response = contract.document()["components"]["responses"][problem.__name__]
    example = response["content"]["application/problem+json"]["example"]
    assert (example["type"], example["title"], example["status"]) == (problem.type(), problem.title(), problem.status)
    fields = set() if problem is errors.Unauthorized else contract.LIMIT_FIELDS
    assert response["headers"].keys() == problem().headers.keys() | fields
    assert {name: example[name] for name in problem.members} == problem.members


def _schema_of(kind: Any) -> Any:
    """The JSON Schema of one of the package's types, with its references resolved."""
    schema = msgspec.json.schema(kind)
    return _normalize(schema, lambda reference: schema["$defs"][reference.rpartition("/")[2]])


def _normalize(node: Any, resolve: Callable[[str], Any] | None = None) -> Any:
    """A schema with its references resolved, without descriptions, and sorted where the order means nothing."""
    if isinstance(node, list):
        return [_normalize(each, resolve) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {
            **(resolve(node["$ref"]) if resolve else contract.resolved(node)),
            **{k: v for k, v in node.items() if k != "$ref"},
        }
    schema = {
        name: _normalize(value, resolve)
        for name, value in node.items()
        if name not in {"title", "description", "$defs"}
    }
    if isinstance(schema.get("type"), list):  # [string, "null"]
        schema = {"anyOf": [{**schema, "type": schema["type"][0]}, {"type": "null"}]}
    if schema.get("anyOf") == [{}, {"type": "null"}]:
        return {}
    if isinstance(schema.get("enum"), list):
        schema["enum"] = sorted(schema["enum"])
    if isinstance(schema.get("required"), list):
        schema["required"] = sorted(schema["required"])
    elif schema.get("type") == "object" and "properties" in schema:
        schema["required"] = []
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = schema["pattern"].replace(
            r"\Z", "$"
        )  # in Python, $ also matches before a line break at the end
    return schema


def _never_null(schema: Any) -> Any:
    """The schema of a query parameter, which can be missing but never null."""
    schema = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    return next((each for each in schema.get("anyOf", []) if each != {"type": "null"}), schema)


def _check_covers(documented: Any, declared: Any, where: str) -> None:
    """Check that the documented schema has all that the declared one has; it may have more."""
    for keyword, value in declared.items():
        if keyword == "properties":
            assert documented["properties"].keys() == value.keys(), where
            for name, schema in value.items():
                _check_covers(documented["properties"][name], schema, f"{where}.{name}")
        elif keyword == "items":
            _check_covers(documented["items"], value, f"{where}[]")
        elif keyword == "anyOf":
            for one, other in zip(documented["anyOf"], value, strict=True):
                _check_covers(one, other, where)
        else:
            assert documented[keyword] == value, f"{where}: {keyword}"
