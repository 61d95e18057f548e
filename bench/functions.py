"""Call the functions' handlers in this process, with the events that API Gateway would send."""

import contextlib
import importlib.util
import json
import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import servers
from broker import deadlines

ROOT = Path(__file__).parents[1]
PUBLISH = "POST /topics/{topic}/messages"
CONSUME = "POST /topics/{topic}/consume"
SETTLE = "POST /topics/{topic}/settle"


class Context:
    """The part of Lambda's context object that the functions read."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 28_000


def load(folder: str) -> ModuleType:
    """Import a function's module `app`."""
    spec = importlib.util.spec_from_file_location(f"bench_{folder}", ROOT / "functions" / folder / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def event(route: str, topic: str, body: str) -> dict[str, Any]:
    """Return the event of a request (payload format 2.0), with the fields that the functions read."""
    return {
        "routeKey": route,
        "headers": {"authorization": f"Bearer {servers.ADMIN_TOKEN}", "content-type": "application/json"},
        "pathParameters": {"topic": topic},
        "body": body,
        "isBase64Encoded": False,
    }


def invoke(module: ModuleType, request: dict[str, Any]) -> str:
    """Invoke a function with an event, and return the body of its response. Its status must be below 300."""
    response = module.handler(request, Context)
    deadlines.begin(math.inf)  # the request is over, and its deadline with it
    assert response["statusCode"] < 300, response
    body: str = response["body"]
    return body


@contextlib.contextmanager
def discard_metrics() -> Iterator[None]:
    """Let the functions write their lines of metrics, as in production, but to /dev/null."""
    with Path(os.devnull).open("w", buffering=1) as sink, contextlib.redirect_stdout(sink):
        yield


def caller(folder: str, route: str, topic: str, body: str) -> Callable[[], str]:
    """Return a call that sends `body` to a route of a function, and returns the response's body."""
    return partial(invoke, load(folder), event(route, topic, body))


def publisher(topic: str, body: str) -> Callable[[], str]:
    """Return a call that publishes `body`."""
    return caller("publish", PUBLISH, topic, body)


class Consumer:
    """Leases `max_messages` at a time, and acknowledges them."""

    def __init__(self, topic: str, max_messages: int = 10) -> None:
        self._topic = topic
        self._max_messages = max_messages
        self._module = load("consume")
        self._consume = event(CONSUME, topic, f'{{"max": {max_messages}}}')

    def cycle(self) -> None:
        leased = json.loads(invoke(self._module, self._consume))["messages"]
        assert len(leased) == self._max_messages, "the topic has too few messages"
        receipts = json.dumps({"ack": [message["receipt"] for message in leased]})
        invoke(self._module, event(SETTLE, self._topic, receipts))
