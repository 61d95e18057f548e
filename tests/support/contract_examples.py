"""Sends the examples of openapi.yaml to a broker, and compares its responses with the examples of responses."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from tests.support.client import Client, Response
from tests.support.contract import Operation, document, operations, validate

EXAMPLE_HOST = "https://shop.example.com"
WEBHOOK = document()["webhooks"]["broadcast"]["post"]
WEBHOOK_BODY = WEBHOOK["requestBody"]["content"]["application/json"]

# Ids, times and secrets differ in each run: one in an example is replaced by the one that this run has instead.
VARYING = re.compile(
    r"\d{16}\.(?=[0-9a-f]{8}-)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    r"|brk_[A-Za-z0-9_-]{50}|whsec_[A-Za-z0-9+/=]{44}|(?<=_)[0-9a-f]{16}\b"
)

MEASURED = {"duration_ms", "p95_ms", "totals", "window_seconds"} | {
    f"{what}_per_second" for what in ("published", "attempts", "failed")
}


class Story:
    """Sends the contract's examples one after the other. Ids in responses replace those of the examples."""

    def __init__(self, client: Client, known: Mapping[str, str]) -> None:
        self._client = client
        self._known = dict(known)  # a value of the examples: what this run has instead
        self.sent: set[str] = set()  # ids of operations that were sent
        self.shown: set[tuple[str, str, str]] = set()  # examples that were sent or compared

    def send(
        self, operation_id: str, status: int, example: str | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        """Send an operation's example, and compare the response with the example of the response."""
        operation = operations()[operation_id]
        self.sent.add(operation_id)
        self.answered(operation, self._client.request(*self.request(operation, example, query)), status, example)

    def request(
        self, operation: Operation, example: str | None = None, query: Mapping[str, str] | None = None
    ) -> tuple[str, str, Any]:
        """Make the method, target and content of a request: of the example with that name, else of the first."""
        name = example if example in operation.requests else next(iter(operation.requests), None)
        if name is None:
            return operation.method, self._target(operation, query or {}), None
        content = operation.requests[name]
        validate(content, operation.spec["requestBody"]["content"]["application/json"]["schema"])
        self.shown.add((operation.id, "request", name))
        return operation.method, self._target(operation, query or {}), self.real(content)

    def answered(self, operation: Operation, response: Response, status: int, example: str | None) -> None:
        """Compare a response with the example of that name; None: the operation has no example."""
        assert response.status == status, response.text
        operation.check(response)
        if example is not None:
            [content] = operation.answer(status)["content"].values()
            self.shown.add((operation.id, str(status), example))
            self.hold(response.json, operation.answers(status)[example], content["schema"])

    def hold(self, value: Any, example: Any, schema: Any) -> None:
        """Check that a value equals an example except for what varies, and remember what this run has instead."""
        validate(example, schema)
        self._learn(example, value)
        assert _without_varying(value) == _without_varying(example)

    def real(self, example: Any) -> Any:
        """Replace what varies in an example by what this run has."""
        if isinstance(example, str):
            for old, new in self._known.items():
                example = example.replace(old, new)
            return example
        if isinstance(example, dict):
            return {name: self.real(value) for name, value in example.items()}
        return [self.real(value) for value in example] if isinstance(example, list) else example

    def _target(self, operation: Operation, query: Mapping[str, str]) -> str:
        path, parameters = operation.path, dict(query)
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(self.real(parameter["example"]), safe=""))
            elif "example" in parameter:
                parameters[parameter["name"]] = self.real(parameter["example"])
        return f"{path}?{urlencode(parameters)}" if parameters else path

    def _learn(self, example: Any, real: Any) -> None:
        for old, new in zip(_strings(example), _strings(real), strict=True):
            self._known |= dict(zip(VARYING.findall(old), VARYING.findall(new), strict=True))


def send_every_operation(story: Story, received: Callable[[], Any]) -> None:
    """Send each operation of the contract; `received` returns the body of the webhook that the broadcast has sent."""
    story.send("root", 200, "root")
    story.send("health", 200, "alive")
    story.send("contract", 200)
    story.send("putTopic", 201, "put")
    story.send("publish", 201, "one")
    story.send("publish", 201, "many")
    story.send("listTopics", 200, "listed")
    story.send("readTopic", 200, "read")
    story.send("browseMessages", 200, "browsed", {"limit": "1"})
    story.send("traceMessage", 200, "waiting")
    story.send("listHistory", 200, "listed", {"limit": "1"})
    story.send("listRates", 200, "counted", {"step_seconds": "3600"})
    story.send("find", 200, "message")
    story.send("consume", 200, "two")
    story.send("settle", 200, "settled")
    story.send("ack", 204)
    story.send("consume", 200, "one")
    story.send("settle", 200, "rejected")
    story.send("listDeadLetters", 200, "rejected")
    story.send("deleteDeadLetters", 200, "counted")
    story.send("redrive", 200, "redriven")
    story.send("publish", 201, "one")
    story.send("cancelMessage", 204)
    story.send("subscribe", 201, "new")
    story.send("subscribe", 200, "again")
    story.send("listSubscriptions", 200, "listed")
    story.send("readSubscription", 200, "read")
    story.send("changeSubscription", 200, "changed")
    story.send("rotateSecret", 200, "rotated")
    story.send("broadcast", 200, "counted", {"dry_run": "true"})
    story.send("broadcast", 202, "moved")
    story.hold(received(), WEBHOOK_BODY["examples"]["pushed"]["value"], WEBHOOK_BODY["schema"])
    story.send("listAttempts", 200, "listed")
    story.send("readOverview", 200, "picture")
    story.send("resend", 202, "resent")
    story.send("testSubscription", 202, "asked")
    story.send("unsubscribe", 204)
    story.send("subscribe", 201, "new")
    story.send("unsubscribeUrl", 204)
    story.send("changeTopic", 200, "changed")
    story.send("deleteTopic", 200, "counted", {"dry_run": "true"})
    story.send("deleteTopic", 204)
    story.send("listTokens", 200, "listed")
    story.send("mintToken", 201, "minted")
    story.send("readOwnToken", 200, "own")
    story.send("readToken", 200, "read")
    story.send("revokeToken", 204)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _without_varying(value: Any) -> Any:
    """Remove from a value what differs in each run."""
    if isinstance(value, str):
        return re.sub(r"https?://[^/ ]+", "<host>", VARYING.sub("<varying>", value))
    if isinstance(value, dict):
        return {name: "<varying>" if _varies(name, each) else _without_varying(each) for name, each in value.items()}
    return [_without_varying(each) for each in value] if isinstance(value, list) else value


def _varies(name: str, value: Any) -> bool:
    return name in MEASURED or (name == "id" and isinstance(value, int))  # an attempt's
