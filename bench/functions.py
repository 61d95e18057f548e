"""The functions' handlers, called in this process with what API Gateway would send."""

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
    """What Lambda tells a function of its invocation."""

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
    """The event of a request (payload format 2.0), as far as the functions read it."""
    return {
        "routeKey": route,
        "headers": {"authorization": f"Bearer {servers.ADMIN_TOKEN}", "content-type": "application/json"},
        "pathParameters": {"topic": topic},
        "body": body,
        "isBase64Encoded": False,
    }


def invoke(module: ModuleType, asked: dict[str, Any]) -> str:
    """Let a function answer an event, and give the body of the answer, which must be a good one."""
    answer = module.handler(asked, Context)
    deadlines.begin(math.inf)  # its request is over
    assert answer["statusCode"] < 300, answer
    body: str = answer["body"]
    return body


@contextlib.contextmanager
def metrics_dropped() -> Iterator[None]:
    """Let the functions write their line of metrics, and nobody read it."""
    with Path(os.devnull).open("w", buffering=1) as sink, contextlib.redirect_stdout(sink):
        yield


def caller(folder: str, route: str, topic: str, body: str) -> Callable[[], str]:
    """Make the call that sends `body` to a route of a function."""
    return partial(invoke, load(folder), event(route, topic, body))


def publisher(topic: str, body: str) -> Callable[[], str]:
    """Make the call that publishes `body`."""
    return caller("publish", PUBLISH, topic, body)


class Consumer:
    """Takes so many messages at a time, and acknowledges them."""

    def __init__(self, topic: str, most: int = 10) -> None:
        self._topic = topic
        self._most = most
        self._module = load("consume")
        self._consume = event(CONSUME, topic, f'{{"max": {most}}}')

    def cycle(self) -> None:
        leased = json.loads(invoke(self._module, self._consume))["messages"]
        assert len(leased) == self._most, "the topic has run dry"
        receipts = json.dumps({"ack": [message["receipt"] for message in leased]})
        invoke(self._module, event(SETTLE, self._topic, receipts))
