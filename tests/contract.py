"""openapi.yaml in a test's hands: its operations, its schemas, and what its examples stand for."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import jsonschema
import yaml

if TYPE_CHECKING:
    from tests.client import Client, Response

ROOT = Path(__file__).parents[1]

# What differs from one run to the next: an example's stands for whatever the run has instead.
GIVEN = re.compile(
    r"\d{16}\.(?=[0-9a-f]{8}-)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    r"|brk_[A-Za-z0-9_-]{43}|whsec_[A-Za-z0-9+/=]{44}"
)

METHODS = ("get", "put", "post", "patch", "delete")


@cache
def document() -> Any:
    return yaml.safe_load((ROOT / "openapi.yaml").read_text())


def resolved(node: Any) -> Any:
    """A part of the document, or what its `$ref` points to; what stands beside the `$ref` is kept."""
    while "$ref" in node:
        target: Any = document()
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    return node


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    wish: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]

    @property
    def id(self) -> str:
        return str(self.wish["operationId"])

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    def answer(self, status: int) -> Any:
        return resolved(self.wish["responses"][str(status)])

    def request_example(self, name: str) -> Any:
        return self.wish["requestBody"]["content"]["application/json"]["examples"][name]["value"]

    def check(self, response: "Response") -> None:
        """Hold that the contract knows this answer: its status, type, headers and body."""
        assert str(response.status) in self.wish["responses"], f"{self.route} answers {response.status}"
        answer = self.answer(response.status)
        for header, wish in answer.get("headers", {}).items():
            assert header in response.headers or not wish.get("required")
        if "content" not in answer:
            assert response.text == ""
            return
        [(kind, content)] = answer["content"].items()
        assert response.headers["Content-Type"] == kind
        validate(response.json, content["schema"])


@cache
def operations() -> Mapping[str, Operation]:
    """The operations by their ids."""
    found = {}
    for path, item in document()["paths"].items():
        for method in [each for each in item if each in METHODS]:
            parameters = [resolved(each) for each in [*item.get("parameters", []), *item[method].get("parameters", [])]]
            operation = Operation(method.upper(), path, item[method], tuple(parameters))
            found[operation.id] = operation
    return found


@cache
def by_route(route: str) -> Operation:
    return next(operation for operation in operations().values() if operation.route == route)


def validate(value: Any, schema: Any) -> None:
    """Hold a value against a schema of the document."""
    _validator(json.dumps(schema)).validate(value)


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())


class Story:
    """Runs the contract's examples one after the other. An id that an answer gave stands for the example's after it."""

    def __init__(self, client: "Client", known: Mapping[str, str]) -> None:
        self._client = client
        self._known = dict(known)  # what an example says, and what this run has instead
        self.told: set[str] = set()

    def tell(
        self, operation_id: str, status: int, example: str | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        """Send an operation's example, and hold the answer against the example of the answer."""
        operation = operations()[operation_id]
        target, content = self._target(operation, query or {}), self._content(operation, example)
        self.told.add(operation_id)
        self.answered(operation, self._client.request(operation.method, target, content), status, example)

    def answered(self, operation: Operation, response: "Response", status: int, example: str | None) -> None:
        """Hold an answer against the example of that name; None: the operation has none."""
        assert response.status == status, response.text
        operation.check(response)
        if example is None:
            return
        [content] = operation.answer(status)["content"].values()
        expected = content["examples"][example]["value"]
        validate(expected, content["schema"])
        self._learn(expected, response.json)
        assert _general(response.json) == _general(expected)

    def real(self, example: Any) -> Any:
        """What an example stands for in this run."""
        if isinstance(example, str):
            for said, had in self._known.items():
                example = example.replace(said, had)
            return example
        if isinstance(example, dict):
            return {name: self.real(value) for name, value in example.items()}
        return [self.real(value) for value in example] if isinstance(example, list) else example

    def _target(self, operation: Operation, query: Mapping[str, str]) -> str:
        path, sent = operation.path, dict(query)
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(self.real(parameter["example"]), safe=""))
            elif "example" in parameter:
                sent[parameter["name"]] = self.real(parameter["example"])
        return f"{path}?{urlencode(sent)}" if sent else path

    def _content(self, operation: Operation, example: str | None) -> Any:
        body = operation.wish.get("requestBody")
        if body is None or example is None:
            return None
        content = body["content"]["application/json"]
        name = example if example in content["examples"] else next(iter(content["examples"]))
        validate(content["examples"][name]["value"], content["schema"])
        return self.real(content["examples"][name]["value"])

    def _learn(self, example: Any, real: Any) -> None:
        said, had = list(_strings(example)), list(_strings(real))
        for one, other in zip(said, had, strict=True):
            self._known |= dict(zip(GIVEN.findall(one), GIVEN.findall(other), strict=True))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _general(value: Any) -> Any:
    """A value without what differs from one run to the next."""
    if isinstance(value, str):
        return re.sub(r"https?://[^/ ]+", "<host>", GIVEN.sub("<given>", value))
    if isinstance(value, dict):
        return {name: "<given>" if _is_given(name, each) else _general(each) for name, each in value.items()}
    return [_general(each) for each in value] if isinstance(value, list) else value


def _is_given(name: str, value: Any) -> bool:
    return name == "duration_ms" or (name == "id" and isinstance(value, int))  # an attempt's
