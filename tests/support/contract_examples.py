"""The examples of openapi.yaml as requests to a broker, and what its answers have to say then."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.client import Client, Response
from tests.support.contract import Operation, operations, validate

# What differs from one run to the next: an example's stands for whatever the run has instead.
GIVEN = re.compile(
    r"\d{16}\.(?=[0-9a-f]{8}-)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    r"|brk_[A-Za-z0-9_-]{43}|whsec_[A-Za-z0-9+/=]{44}"
)


class Story:
    """Runs the contract's examples one after the other. An id that an answer gave stands for the example's after it."""

    def __init__(self, client: Client, known: Mapping[str, str]) -> None:
        self._client = client
        self._known = dict(known)  # what an example says, and what this run has instead
        self.told: set[str] = set()  # operations
        self.shown: set[tuple[str, str, str]] = set()  # examples

    def tell(
        self, operation_id: str, status: int, example: str | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        """Send an operation's example, and hold the answer against the example of the answer."""
        operation = operations()[operation_id]
        self.told.add(operation_id)
        self.answered(operation, self._client.request(*self.request(operation, example, query)), status, example)

    def request(
        self, operation: Operation, example: str | None = None, query: Mapping[str, str] | None = None
    ) -> tuple[str, str, Any]:
        """An operation's method, target and content: its example of that name, else its first."""
        name = example if example in operation.requests else next(iter(operation.requests), None)
        if name is None:
            return operation.method, self._target(operation, query or {}), None
        content = operation.requests[name]
        validate(content, operation.spec["requestBody"]["content"]["application/json"]["schema"])
        self.shown.add((operation.id, "request", name))
        return operation.method, self._target(operation, query or {}), self.real(content)

    def answered(self, operation: Operation, response: Response, status: int, example: str | None) -> None:
        """Hold an answer against the example of that name; None: the operation has none."""
        assert response.status == status, response.text
        operation.check(response)
        if example is not None:
            [content] = operation.answer(status)["content"].values()
            self.shown.add((operation.id, str(status), example))
            self.hold(response.json, operation.answers(status)[example], content["schema"])

    def hold(self, value: Any, example: Any, schema: Any) -> None:
        """Hold that a value says what an example says, and learn what this run has for what is given."""
        validate(example, schema)
        self._learn(example, value)
        assert _general(value) == _general(example)

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
