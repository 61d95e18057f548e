"""events/: one for each trigger of each function, as AWS sends it. `sam local invoke` takes them too."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.gateway import payloads
from local.queues import queue
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, ROOT, Client, Context, Response, app, template
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint

EVENTS = {file.stem: file for file in (ROOT / "events").iterdir()}

# In an order in which each finds what it speaks of: the event, the status of its answer, and the answer's example.
STORY = [
    ("manage-root", 200, "root"),
    ("manage-health", 200, "alive"),
    ("manage-contract", 200, None),
    ("manage-put-topic", 201, "put"),
    ("publish", 201, "one"),
    ("manage-list-topics", 200, None),
    ("manage-read-topic", 200, None),
    ("manage-browse-messages", 200, None),
    ("manage-trace-message", 200, "waiting"),
    ("consume", 200, "two"),
    ("consume-settle", 200, "settled"),
    ("consume-ack", 204, None),
    ("manage-list-dead-letters", 200, "rejected"),
    ("manage-delete-dead-letters", 200, "counted"),
    ("manage-redrive", 200, "redriven"),
    ("manage-cancel-message", 204, None),
    ("subscribe", 201, "new"),
    ("subscribe-list", 200, "listed"),
    ("subscribe-read", 200, "read"),
    ("subscribe-change", 200, "changed"),
    ("subscribe-rotate-secret", 200, "rotated"),
    ("broadcast", 202, "moved"),
    ("manage-list-attempts", 200, "listed"),
    ("subscribe-unsubscribe", 204, None),
    ("subscribe", 201, "new"),
    ("subscribe-unsubscribe-url", 204, None),
    ("manage-patch-topic", 200, "changed"),
    ("manage-delete-topic", 204, None),
    ("manage-list-tokens", 200, "listed"),
    ("manage-mint-token", 201, "minted"),
    ("manage-read-token", 200, "read"),
    ("manage-revoke-token", 204, None),
]
# What the examples speak of after an event, told by further operations.
ALSO = {
    "publish": [("publish", 201, "many")],
    "consume-ack": [("consume", 200, "one"), ("settle", 200, "rejected")],
    "manage-redrive": [("publish", 201, "one")],
}
# The other message that a queue carries, and what a function is told without a trigger.
ALSO_TOLD = {"dispatch-outcomes", "dispatch"}
SQS = ("dispatch-wake-up", "dispatch-outcomes", "deliver")
HTTP = sorted({name for name, _, _ in STORY})


def read(name: str) -> Any:
    return json.loads(EVENTS[name].read_text())


def test_every_function_and_trigger_has_its_event() -> None:
    expected = set()
    for resource in template()["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = Path(resource["Properties"]["CodeUri"]).name
            triggers = [
                re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in resource["Properties"].get("Events", {})
            ]
            expected |= {folder if trigger == folder else f"{folder}-{trigger}" for trigger in triggers or [folder]}
    assert expected | ALSO_TOLD == EVENTS.keys()


def test_each_event_is_answered(client: Client) -> None:
    with Endpoint() as endpoint:
        story = Story(client, {"https://shop.example.com": endpoint.url})
        for name, status, example in STORY:
            event = json.loads(story.real(EVENTS[name].read_text()))
            answer = app(name.partition("-")[0]).handler(event, Context())
            response = Response(answer["statusCode"], answer["headers"], answer.get("body", ""))
            story.answered(contract.by_route(event["routeKey"]), response, status, example)
            for also in ALSO.get(name, []):
                story.tell(*also)


@pytest.mark.parametrize("name", HTTP)
def test_an_event_is_a_request_of_its_route(name: str) -> None:
    event = read(name)
    operation = contract.by_route(event["routeKey"])
    assert event["rawPath"] == operation.path.format_map(event.get("pathParameters", {}))
    assert event["headers"].get("authorization") in {None, f"Bearer {ADMIN_TOKEN}"}
    if "requestBody" in operation.spec:
        assert json.loads(event["body"]) in operation.requests.values()


@pytest.mark.parametrize("name", HTTP)
def test_an_event_has_the_shape_that_the_gateway_gives(name: str) -> None:
    event = read(name)
    http = event["requestContext"]["http"]
    scope = {
        "method": http["method"],
        "raw_path": event["rawPath"].encode(),
        "query_string": event["rawQueryString"].encode(),
        "headers": [(header.encode(), value.encode()) for header, value in event["headers"].items()],
        "http_version": "1.1",
        "client": (http["sourceIp"], 0),
        "server": ("127.0.0.1", 443),
        "scheme": "https",
    }
    given = json.loads(
        payloads.event(
            scope,
            event.get("body", "").encode(),
            route=event["routeKey"],
            path_parameters=event.get("pathParameters", {}),
            request_id=payloads.request_id(),
        )
    )
    assert _same_on_every_gateway(given) == _same_on_every_gateway(event)


def test_the_daily_event_lets_maintain_work() -> None:
    assert app("maintain").handler(read("maintain-daily"), Context()).keys() == {
        "made",
        "removed",
        "kept",
        "lost",
        "cleared",
        "sent",
    }


def test_dispatch_and_migrate_need_nothing_said() -> None:
    assert app("dispatch").handler(read("dispatch"), Context()) == {"next_due_at": None}
    assert app("migrate").handler(read("migrate"), Context())["applied"] == []


@pytest.mark.parametrize("name", SQS)
def test_an_event_of_a_queue_has_the_shape_that_event_sources_give(name: str) -> None:
    for told in read(name)["Records"]:
        given = queue.record(queue.Message(told["body"]), "Queue")
        assert given.keys() == told.keys()
        assert given["attributes"].keys() == told["attributes"].keys()
        assert given["md5OfBody"] == told["md5OfBody"]


def test_dispatch_takes_wake_ups_and_outcomes_of_whoever_has_unsubscribed() -> None:
    for name in ("dispatch-wake-up", "dispatch-outcomes"):
        assert app("dispatch").handler(read(name), Context()) == {"batchItemFailures": []}


def test_deliver_posts_a_job_unless_it_is_too_old() -> None:
    with Endpoint() as endpoint:
        event = json.loads((EVENTS["deliver"].read_text()).replace("https://shop.example.com", endpoint.url))
        assert app("deliver").handler(event, Context()) == {"batchItemFailures": []}
        assert endpoint.requests == []
        [record] = event["Records"]
        record["body"] = record["body"].replace("2026-11-24T12:00:00.1Z", datetime.now(UTC).isoformat())
        assert app("deliver").handler(event, Context()) == {"batchItemFailures": []}
        [request] = endpoint.requests
        assert (request.path, json.loads(request.body)["topic"]) == ("/hook", "orders")


def _same_on_every_gateway(event: Any) -> Any:
    context = {**event["requestContext"], "accountId": "", "apiId": "", "requestId": "", "time": "", "timeEpoch": 0}
    return {**event, "requestContext": context, "headers": sorted(event["headers"])}
