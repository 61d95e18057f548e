"""openapi.yaml for tests: its operations, schemas and examples, and checks against them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import yaml

if TYPE_CHECKING:
    from tests.support.client import Response

ROOT = Path(__file__).parents[2]

METHODS = ("get", "put", "post", "patch", "delete")
LIMIT_FIELDS = {"RateLimit-Policy", "RateLimit"}  # of responses to a token with a limit


@cache
def document() -> Any:
    return yaml.load((ROOT / "openapi.yaml").read_text(), yaml.CSafeLoader)


def resolved(node: Any) -> Any:
    """Follow the `$ref` of a part of the document. Other fields of the part override those of the target."""
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
    spec: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]

    @property
    def id(self) -> str:
        return str(self.spec["operationId"])

    @property
    def route(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of which one is enough; none when it is public."""
        scope = self.spec.get("x-scope", ())
        return (scope,) if isinstance(scope, str) else tuple(scope)

    def answer(self, status: int | str) -> Any:
        return resolved(self.spec["responses"][str(status)])

    @property
    def requests(self) -> Mapping[str, Any]:
        """The examples of its body, by name."""
        return _examples(self.spec.get("requestBody", {}))

    def answers(self, status: int | str) -> Mapping[str, Any]:
        """The examples of its responses with this status, by name."""
        return _examples(self.answer(status))

    def examples(self) -> set[tuple[str, str, str]]:
        """All its examples: the operation's id, `request` or a status, and the name."""
        requests = {(self.id, "request", name) for name in self.requests}
        return requests | {
            (self.id, status, name) for status in self.spec["responses"] for name in self.answers(status)
        }

    def check(self, response: "Response") -> None:
        """Check that the contract has this response: its status, type, headers and body."""
        assert str(response.status) in self.spec["responses"], f"{self.route} may not respond with {response.status}"
        expected = self.answer(response.status)
        documented = {name: resolved(spec) for name, spec in expected.get("headers", {}).items()}
        for header, spec in documented.items():
            assert header in response.headers or not spec.get("required")
        assert LIMIT_FIELDS & response.headers.keys() <= documented.keys(), f"{self.route}: {response.status}"
        if "content" not in expected:
            assert response.text == ""
            return
        [(kind, content)] = expected["content"].items()
        assert response.headers["Content-Type"] == kind
        validate(response.json, content["schema"])


def _examples(part: Any) -> Mapping[str, Any]:
    [content] = part.get("content", {"": {}}).values()
    return {name: example["value"] for name, example in content.get("examples", {}).items()}


@cache
def operations() -> Mapping[str, Operation]:
    """The operations by id."""
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
    """Check a value against a schema of the document."""
    _validator(json.dumps(schema)).validate(value)


@cache
def _validator(schema: str) -> jsonschema.Draft202012Validator:
    with_components = {**json.loads(schema), "components": document()["components"]}
    return jsonschema.Draft202012Validator(with_components, format_checker=jsonschema.FormatChecker())
