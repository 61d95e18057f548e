"""The client and the contract say the same: each operation is a verb of both classes, each schema a type."""

import inspect
import re
from typing import Any, get_type_hints

import msgspec
import pytest

from pgbroker import errors, types, verbs
from pgbroker.async_broker import AsyncBroker
from pgbroker.broker import Broker
from pgbroker.verbs import Browse, Consume, ListDeadLetters, ListHistory
from tests.support import contract

OPERATIONS = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation["operationId"]).lower(): (path, method, operation)
    for path, item in contract.document()["paths"].items()
    for method, operation in item.items()
    if method in contract.METHODS
}
OPTIONS = {
    "consume": Consume,
    "browse_messages": Browse,
    "list_history": ListHistory,
    "list_dead_letters": ListDeadLetters,
}
SCHEMAS = contract.document()["components"]["schemas"]
NAMES = {"SubscribeResult": "NewSubscription"}  # its secret is None for ExistingSubscription
RESPONSES = {  # the types of responses that the contract describes where they are used
    "Deleted": ("/topics/{topic}/dead-letters", "delete"),
    "Redriven": ("/topics/{topic}/dead-letters/redrive", "post"),
    "Leased": ("/topics/{topic}/consume", "post"),
    "Page": ("/topics", "get"),
    "Root": ("/", "get"),
    "Health": ("/health", "get"),
}
SHORT = {"any_id": "id", "lease": "receipt", "message_id": "id", "subscription_id": "id", "token_id": "id"}
STRUCTS = {name: getattr(types, name) for name in types.__all__ if inspect.isclass(getattr(types, name))}


def schema(name: str) -> Any:
    if name in RESPONSES:
        path, method = RESPONSES[name]
        return contract.document()["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    return SCHEMAS[NAMES.get(name, name)]


def parameters(name: str) -> set[str]:
    """What a verb takes, besides what is in each: the path, and the type of the content."""
    taken = set(inspect.signature(getattr(verbs, name)).parameters) - {"topic", "content", "options"}
    taken |= set(OPTIONS[name].__annotations__) if name in OPTIONS else set()
    return {SHORT.get(each, each) for each in taken}


def described(name: str) -> set[str]:
    """What an operation takes: its parameters, and the fields of its body."""
    path, _, operation = OPERATIONS[name]
    shared = contract.document()["paths"][path].get("parameters", [])
    found = {contract.resolved(each)["name"] for each in [*shared, *operation.get("parameters", [])]}
    if body := operation.get("requestBody"):
        alternatives = body["content"]["application/json"]["schema"].get(
            "anyOf", [body["content"]["application/json"]["schema"]]
        )
        found |= set(contract.resolved(alternatives[0])["properties"])
    return {each.lower().replace("-", "_") for each in found}


@pytest.mark.parametrize("broker", [Broker, AsyncBroker])
def test_each_operation_is_a_method(broker: type) -> None:
    assert OPERATIONS.keys() - set(dir(broker)) == set()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_verb_takes_what_its_operation_takes(name: str) -> None:
    expected = described(name) - {"topic"}
    assert parameters(name) == expected if name != "publish" else parameters(name) | {"content"} == expected


def test_both_classes_have_the_same_methods_with_the_same_arguments() -> None:
    def signatures(broker: type) -> dict[str, str]:
        public = {name: value for name, value in inspect.getmembers(broker) if not name.startswith("_")}
        methods = {name: value for name, value in public.items() if callable(value) or hasattr(value, "__wrapped__")}
        return {
            name: re.sub(r" ->.*|(collections\.abc\.)?Awaitable\[|\]", "", str(inspect.signature(value)))
            for name, value in methods.items()
        }

    assert signatures(Broker) == signatures(AsyncBroker)


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_method_has_a_docstring(name: str) -> None:
    assert getattr(Broker, name).__doc__ == getattr(AsyncBroker, name).__doc__ == getattr(verbs, name).__doc__ != None  # noqa: E711


@pytest.mark.parametrize("name", STRUCTS)
def test_a_type_has_the_fields_of_its_schema(name: str) -> None:
    expected = schema(name)
    fields = {field.encode_name: field.required for field in msgspec.structs.fields(STRUCTS[name])}
    assert fields.keys() == expected["properties"].keys()
    if name != "SubscribeResult":
        assert {field for field, required in fields.items() if required} == set(expected.get("required", []))


@pytest.mark.parametrize("name", [*STRUCTS, "Problem"])
def test_an_enumeration_has_the_values_of_the_contract(name: str) -> None:
    if name == "Problem":
        assert set(errors.BY_TYPE) == set(SCHEMAS["Problem"]["properties"]["type"]["enum"])
        return
    hints = get_type_hints(STRUCTS[name])
    for field, described_field in schema(name)["properties"].items():
        if "enum" in described_field:
            assert set(hints[field].__args__) == set(described_field["enum"])


def test_the_scopes_are_those_of_the_contract() -> None:
    assert set(types.Scope.__args__) == set(SCHEMAS["Scope"]["enum"])  # type: ignore[attr-defined]


def test_each_problem_has_the_status_that_the_contract_says() -> None:
    examples = [
        response["content"]["application/problem+json"]["example"]
        for response in contract.document()["components"]["responses"].values()
    ]
    assert {each["type"] for each in examples} == set(errors.BY_TYPE)
    for example in examples:
        kind, by_status = errors.BY_TYPE[example["type"]], errors.BY_STATUS.get(example["status"])
        if kind is not errors.QueueUnavailable:  # the broker alone answers it, always with its type
            assert by_status is None or issubclass(kind, by_status)


def test_the_client_has_the_version_of_the_contract() -> None:
    from importlib.metadata import version  # noqa: PLC0415

    assert version("pgbroker") == contract.document()["info"]["version"]
