"""`python -m scripts.postman` generates docs/reference/pgbroker.postman_collection.json from openapi.yaml.

The collection has each operation with its example, in an order in which each one finds what it needs. Its tests save
the ids and receipts of responses in variables, which replace the values of the contract's examples in later requests.
The format is Postman's collection, v2.1.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from scripts.contract import ROOT, contract

COLLECTION = ROOT / "docs" / "reference" / "pgbroker.postman_collection.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "put", "post", "patch", "delete")
WEBHOOK = "https://shop.example.com/hooks/orders"
VARIABLES = {"broker": "http://127.0.0.1:3000", "token": "", "topic": "postman", "webhook": WEBHOOK}

Location = tuple[str | int, ...]  # names and indexes, from a document to one of its values


@dataclass(frozen=True)
class Step:
    """An operation with one of its examples, and which variables are saved from where in its response.

    `accepts` has statuses that are as good as one of 2xx.
    """

    operation: str
    example: str | None = None
    saves: Mapping[str, Location] = field(default_factory=dict)
    accepts: tuple[int, ...] = ()


SUBSCRIBE = Step("subscribe", "new", {"subscription": ("id",)})
STORY = {
    "pgbroker": [Step("root"), Step("health"), Step("contract")],
    "Topics": [Step("putTopic", "put"), Step("listTopics"), Step("readTopic"), Step("changeTopic", "changed")],
    "Publish": [
        Step("publish", "one", {"message": ("id",)}),
        Step("publish", "many", {"message_2": ("ids", 1)}),
        Step("browseMessages"),
        Step("traceMessage"),
        Step("listHistory"),
        Step("listRates"),
        Step("find"),
    ],
    "Consume": [
        Step("consume", "two", {"receipt": ("messages", 0, "receipt"), "receipt_2": ("messages", 1, "receipt")}),
        Step("settle", "settled"),
        Step("ack"),
    ],
    "Dead letters": [
        Step("consume", "one", {"receipt_3": ("messages", 0, "receipt")}),
        Step("settle", "rejected"),
        Step("listDeadLetters"),
        Step("deleteDeadLetters"),
        Step("redrive", "redriven"),
        Step("publish", "one", {"message": ("id",)}),
        Step("cancelMessage"),
    ],
    "Subscribe": [
        SUBSCRIBE,
        Step("listSubscriptions"),
        Step("readSubscription"),
        Step("changeSubscription", "changed"),
        Step("rotateSecret", "rotated"),
        Step("testSubscription"),
    ],
    "Broadcast": [Step("broadcast"), Step("listAttempts"), Step("readOverview")],
    "Tokens": [
        Step("mintToken", "minted", {"token_id": ("id",)}),
        Step("listTokens"),
        Step("readOwnToken"),
        Step("readToken"),
        Step("revokeToken"),
    ],
    "Once more": [Step("resend", "resent", accepts=(409,))],  # the webhook may not be answered yet
    "Unsubscribe": [Step("unsubscribe"), SUBSCRIBE, Step("unsubscribeUrl"), Step("deleteTopic")],
}


def collection() -> str:
    """Return the collection as JSON."""
    document = json.loads(contract())
    builder = _RequestBuilder(document)
    content = {
        "info": {"name": "pgbroker", "description": document["info"]["description"], "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "item": [{"name": name, "item": [builder.request(step) for step in steps]} for name, steps in STORY.items()],
        "variable": [{"key": name, "value": value} for name, value in VARIABLES.items()],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


class _RequestBuilder:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._operations = {
            item[method]["operationId"]: (method.upper(), path, item)
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item
        }
        self._variables = {WEBHOOK: "webhook"}  # by the value that the contract's examples have

    def request(self, step: Step) -> dict[str, Any]:
        method, path, item = self._operations[step.operation]
        operation = item[method.lower()]
        request: dict[str, Any] = {"method": method, "url": self._url(path, item, operation), "header": []}
        if step.example:
            example = operation["requestBody"]["content"]["application/json"]["examples"][step.example]
            body = self._with_variables(json.dumps(example["value"], indent=2, ensure_ascii=False))
            request |= {"body": {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}}
        if operation.get("security") == []:
            request["auth"] = {"type": "noauth"}
        name = f"{operation['summary']}: {example['summary']}" if step.example else operation["summary"]
        return {
            "name": name,
            "request": {**request, "description": operation.get("description", "")},
            "event": [
                {"listen": "test", "script": {"type": "text/javascript", "exec": [*self._test(step, operation)]}}
            ],
        }

    def _url(self, path: str, item: Any, operation: Any) -> str:
        parameters = [self._resolve(each) for each in [*item.get("parameters", []), *operation.get("parameters", [])]]
        examples = {each["name"]: each["example"] for each in parameters if each["in"] == "path"}
        examples["topic"] = "{{topic}}"  # not the contract's, which may be a topic that the user has
        query = [
            f"{each['name']}={each['example']}" for each in parameters if each["in"] == "query" and "example" in each
        ]
        url = "?".join(["{{broker}}" + path.format_map(examples), *query])
        return self._with_variables(url)

    def _test(self, step: Step, operation: Any) -> Iterator[str]:
        expected = [int(status) for status in operation["responses"] if status.startswith("2")]
        expected += step.accepts
        yield f"pm.test('the request succeeds', () => pm.expect(pm.response.code).to.be.oneOf({expected}));"
        for variable, location in step.saves.items():
            path = "".join(f"[{json.dumps(each)}]" for each in location)
            yield f"pm.collectionVariables.set('{variable}', pm.response.json(){path});"
            status = str(expected[-1])
            [content] = self._resolve(operation["responses"][status])["content"].values()
            example = content["examples"][step.example]["value"]
            value = reduce(lambda part, each: part[each], location, example)
            self._variables[value] = variable

    def _with_variables(self, text: str) -> str:
        """Replace values of the contract's examples by variables, the longest value first."""
        for value in sorted(self._variables, key=len, reverse=True):
            text = text.replace(value, f"{{{{{self._variables[value]}}}}}")
        return text

    def _resolve(self, node: Any) -> Any:
        while "$ref" in node:
            node = reduce(lambda part, name: part[name], node["$ref"].removeprefix("#/").split("/"), self._document)
        return node


if __name__ == "__main__":
    COLLECTION.write_text(collection(), encoding="utf-8")
