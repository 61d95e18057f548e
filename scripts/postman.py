"""`python -m scripts.postman` makes docs/broker.postman_collection.json of openapi.yaml.

It has each operation with its example, in an order in which each finds what it needs: an id or a receipt of a response
is kept in a variable of the collection, and used where the contract's examples have theirs. The format is Postman's
collection, v2.1.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from scripts.contract import ROOT, contract

COLLECTION = ROOT / "docs" / "broker.postman_collection.json"
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "put", "post", "patch", "delete")
WEBHOOK = "https://shop.example.com/hooks/orders"
VARIABLES = {"broker": "http://127.0.0.1:3000", "token": "", "topic": "postman", "webhook": WEBHOOK}

At = tuple[str | int, ...]


@dataclass(frozen=True)
class Step:
    """An operation with one of its examples, and which variables are read from where in its answer."""

    operation: str
    example: str | None = None
    keeps: Mapping[str, At] = field(default_factory=dict)


SUBSCRIBE = Step("subscribe", "new", {"subscription": ("id",)})
STORY = {
    "Broker": [Step("root"), Step("health"), Step("contract")],
    "Topics": [Step("putTopic", "put"), Step("listTopics"), Step("readTopic"), Step("changeTopic", "changed")],
    "Publish": [
        Step("publish", "one", {"message": ("id",)}),
        Step("publish", "many"),
        Step("browseMessages"),
        Step("readMessage"),
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
    ],
    "Broadcast": [Step("broadcast"), Step("listAttempts")],
    "Unsubscribe": [Step("unsubscribe"), SUBSCRIBE, Step("unsubscribeUrl"), Step("deleteTopic")],
    "Tokens": [
        Step("mintToken", "minted", {"token_id": ("id",)}),
        Step("listTokens"),
        Step("readToken"),
        Step("revokeToken"),
    ],
}


def collection() -> str:
    """Return the collection as JSON."""
    document = json.loads(contract())
    tour = _Tour(document)
    made = {
        "info": {"name": "Broker", "description": document["info"]["description"], "schema": SCHEMA},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "item": [{"name": name, "item": [tour.request(step) for step in steps]} for name, steps in STORY.items()],
        "variable": [{"key": name, "value": value} for name, value in VARIABLES.items()],
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


class _Tour:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._operations = {
            item[method]["operationId"]: (method.upper(), path, item)
            for path, item in document["paths"].items()
            for method in METHODS
            if method in item
        }
        self._known = {WEBHOOK: "webhook"}

    def request(self, step: Step) -> dict[str, Any]:
        method, path, item = self._operations[step.operation]
        wish = item[method.lower()]
        request: dict[str, Any] = {"method": method, "url": self._url(path, item, wish), "header": []}
        if step.example:
            example = wish["requestBody"]["content"]["application/json"]["examples"][step.example]
            body = self._told(json.dumps(example["value"], indent=2, ensure_ascii=False))
            request |= {"body": {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}}
        if wish.get("security") == []:
            request["auth"] = {"type": "noauth"}
        name = f"{wish['summary']}: {example['summary']}" if step.example else wish["summary"]
        return {
            "name": name,
            "request": {**request, "description": wish.get("description", "")},
            "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": [*self._test(step, wish)]}}],
        }

    def _url(self, path: str, item: Any, wish: Any) -> str:
        parameters = [self._resolved(each) for each in [*item.get("parameters", []), *wish.get("parameters", [])]]
        examples = {each["name"]: each["example"] for each in parameters if each["in"] == "path"}
        examples["topic"] = "{{topic}}"  # not the contract's, which may be one of the user's own
        query = [
            f"{each['name']}={each['example']}" for each in parameters if each["in"] == "query" and "example" in each
        ]
        url = "?".join(["{{broker}}" + path.format_map(examples), *query])
        return self._told(url)

    def _test(self, step: Step, wish: Any) -> Iterator[str]:
        good = [int(status) for status in wish["responses"] if status.startswith("2")]
        yield f"pm.test('answers well', () => pm.expect(pm.response.code).to.be.oneOf({good}));"
        for variable, at in step.keeps.items():
            place = "".join(f"[{json.dumps(each)}]" for each in at)
            yield f"pm.collectionVariables.set('{variable}', pm.response.json(){place});"
            status = str(good[-1])
            [content] = self._resolved(wish["responses"][status])["content"].values()
            value = reduce(lambda part, each: part[each], at, content["examples"][step.example]["value"])
            self._known[value] = variable

    def _told(self, text: str) -> str:
        """The text with variables where the contract's examples have values of another run; the longest first."""
        for value in sorted(self._known, key=len, reverse=True):
            text = text.replace(value, f"{{{{{self._known[value]}}}}}")
        return text

    def _resolved(self, node: Any) -> Any:
        while "$ref" in node:
            node = reduce(lambda part, name: part[name], node["$ref"].removeprefix("#/").split("/"), self._document)
        return node


if __name__ == "__main__":
    COLLECTION.write_text(collection(), encoding="utf-8")
