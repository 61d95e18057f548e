"""events/ has one event for each trigger of each function, as AWS sends it; `sam local invoke` takes them too."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broker import deadlines
from local.gateway import payloads
from local.queues import queue
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, ROOT, Client, Context, Response, app, template
from tests.support.contract_examples import Story
from tests.support.endpoints import Endpoint

EVENTS = {file.stem: file for file in (ROOT / "events").iterdir()}

# Each event, the status of its response, and the response's example; in an order in which all that they name exists.
STORY = [
    ("manage-root", 200, "root"),
    ("manage-health", 200, "alive"),
    ("console-contract", 200, None),
    ("manage-put-topic", 201, "put"),
    ("publish", 201, "one"),
    ("manage-list-topics", 200, None),
    ("manage-read-topic", 200, None),
    ("manage-browse-messages", 200, None),
    ("manage-trace-message", 200, "waiting"),
    ("manage-list-history", 200, None),
    ("manage-list-rates", 200, "counted"),
    ("manage-find", 200, "message"),
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
    ("manage-read-overview", 200, None),
    ("manage-resend", 202, "resent"),
    ("subscribe-test-subscription", 202, "asked"),
    ("subscribe-unsubscribe", 204, None),
    ("subscribe", 201, "new"),
    ("subscribe-unsubscribe-url", 204, None),
    ("manage-patch-topic", 200, "changed"),
    ("manage-delete-topic", 204, None),
    ("manage-list-tokens", 200, "listed"),
    ("manage-mint-token", 201, "minted"),
    ("manage-read-own-token", 200, "own"),
    ("manage-read-token", 200, "read"),
    ("manage-revoke-token", 204, None),
]
# Further operations after an event, which create what later examples name.
ALSO = {
    "publish": [("publish", 201, "many")],
    "consume-ack": [("consume", 200, "one"), ("settle", 200, "rejected")],
    "manage-redrive": [("publish", 201, "one")],
}
OTHER_MESSAGE = "dispatch-outcomes"  # that DispatchQueue carries
SQS_EVENTS = ("dispatch-wake-up", "dispatch-outcomes", "deliver")
PAGES = ("console-page", "console-file", "console-docs")
HTTP = sorted({name for name, _, _ in STORY})


def read(name: str) -> Any:
    return json.loads(EVENTS[name].read_text())


def test_every_function_and_trigger_has_an_event() -> None:
    expected = set()
    for resource in template()["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = Path(resource["Properties"]["CodeUri"]).name
            triggers = [
                re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in resource["Properties"].get("Events", {})
            ]
            expected |= {folder if trigger == folder else f"{folder}-{trigger}" for trigger in triggers or [folder]}
    assert expected | {OTHER_MESSAGE} == EVENTS.keys()


def test_each_event_gets_the_response_of_its_example(client: Client) -> None:
    with Endpoint() as endpoint:
        story = Story(client, {"https://shop.example.com": endpoint.url})
        for name, status, example in STORY:
            event = json.loads(story.real(EVENTS[name].read_text()))
            returned = app(name.partition("-")[0]).handler(event, Context())
            response = Response(returned["statusCode"], returned["headers"], returned.get("body", ""))
            story.answered(contract.by_route(event["routeKey"]), response, status, example)
            for further in ALSO.get(name, []):
                story.send(*further)


@pytest.mark.parametrize("name", HTTP)
def test_an_http_event_is_a_request_of_its_route(name: str) -> None:
    event = read(name)
    operation = contract.by_route(event["routeKey"])
    assert event["rawPath"] == operation.path.format_map(event.get("pathParameters", {}))
    assert event["headers"].get("authorization") in {None, f"Bearer {ADMIN_TOKEN}"}
    if "requestBody" in operation.spec:
        assert json.loads(event["body"]) in operation.requests.values()


@pytest.mark.parametrize("name", PAGES)
def test_the_event_of_a_page_gets_it(name: str) -> None:
    event = read(name)
    answer = app("console").handler(event, Context())
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Encoding"] == "gzip"
    assert event["rawPath"] == event["routeKey"].partition(" ")[2].format_map(event.get("pathParameters", {}))


@pytest.mark.parametrize("name", [*HTTP, *PAGES])
def test_an_http_event_has_the_shape_that_the_local_gateway_builds(name: str) -> None:
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
    built = json.loads(
        payloads.event(
            scope,
            event.get("body", "").encode(),
            route=event["routeKey"],
            path_parameters=event.get("pathParameters", {}),
            request_id=payloads.request_id(),
        )
    )
    assert _comparable(built) == _comparable(event)


def test_maintain_accepts_the_daily_event() -> None:
    assert app("maintain").handler(read("maintain-daily"), Context()).keys() == {
        "made",
        "removed",
        "kept",
        "lost",
        "ended",
        "cleared",
    }


def test_migrate_accepts_an_empty_event_and_takes_no_longer_than_its_invocation() -> None:
    assert app("migrate").handler(read("migrate"), Context(28))["applied"] == []
    assert not deadlines.allow(28)


@pytest.mark.parametrize("name", SQS_EVENTS)
def test_an_sqs_event_has_the_shape_that_the_local_queue_builds(name: str) -> None:
    for record in read(name)["Records"]:
        built = queue.record(queue.Message(record["body"]), "Queue")
        assert built.keys() == record.keys()
        assert built["attributes"].keys() == record["attributes"].keys()
        assert built["md5OfBody"] == record["md5OfBody"]


def test_dispatch_accepts_wake_ups_and_outcomes_of_a_removed_subscription() -> None:
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


def _comparable(event: Any) -> Any:
    """The event without what differs between gateways and requests."""
    context = {**event["requestContext"], "accountId": "", "apiId": "", "requestId": "", "time": "", "timeEpoch": 0}
    return {**event, "requestContext": context, "headers": sorted(event["headers"])}
