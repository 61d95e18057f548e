"""`sam local start-api` and our own gateway serve the same routes alike, but for the differences listed here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.sam.clients import Remote
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, ROOT, routes

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@dataclass(frozen=True)
class Difference:
    """A request, what our gateway answers, as API Gateway does, and what `sam local` answers instead: and why."""

    what: str
    why: str
    request: tuple[str, str, bytes | None]
    ours: object
    sams: object
    seen: str = "status"


DIFFERENCES = [
    Difference(
        "an unknown route",
        "sam refuses it in the words of a REST API; an HTTP API answers Not Found",
        ("GET", "/nothing", None),
        ours=404,
        sams=403,
    ),
    Difference(
        "an unknown method",
        "as an unknown route",
        ("PUT", "/tokens", None),
        ours=404,
        sams=403,
    ),
    Difference(
        "a trailing slash",
        "sam's web framework drops it before it looks for the route",
        ("GET", "/topics/", None),
        ours=404,
        sams=200,
    ),
    Difference(
        "a HEAD request",
        "sam's web framework serves it by the route of GET, then sam does not know that route",
        ("HEAD", "/health", None),
        ours=404,
        sams=502,
    ),
    Difference(
        "an encoded slash",
        "sam decodes the path before it looks for the route; the topic's name is ours to refuse",
        ("GET", "/topics/a%2Fb", None),
        ours=400,
        sams=403,
    ),
    Difference(
        "a body that is not text",
        "sam does not encode it in base64, and fails",
        ("POST", "/topics/binary/messages", b"\xff\xfe"),
        ours=400,
        sams=502,
    ),
    Difference(
        "the case of header names",
        "sam passes them as the function wrote them; HTTP does not care",
        ("GET", "/health", None),
        ours="content-type",
        sams="Content-Type",
        seen="header",
    ),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """Requests to `make run`, with the admin token."""
    environment = {
        "PATH": os.environ["PATH"],
        "BROKER_PORT": "0",
        "BROKER_DATA": str(tmp_path_factory.mktemp("gateway")),
        "BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
    }
    command = [sys.executable, "-m", "local"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Remote(next(line.split()[-1] for line in process.stdout if line.startswith("ready on")))
        process.terminate()


@pytest.mark.parametrize("route", sorted(routes()))
def test_a_route_is_closed_alike(api: Remote, gateway: Remote, route: str) -> None:
    assert _answer(Remote(api.url, None), route) == _answer(Remote(gateway.url, None), route)


@pytest.mark.parametrize("route", sorted(routes()))
def test_a_route_answers_alike(api: Remote, gateway: Remote, route: str) -> None:
    assert _answer(api, route) == _answer(gateway, route)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.what)
def test_a_difference_is_still_one(api: Remote, gateway: Remote, difference: Difference) -> None:
    assert _seen(gateway.url, difference) == difference.ours
    assert _seen(api.url, difference) == difference.sams, difference.why


def _answer(client: Remote, route: str) -> tuple[int, str | None, Any]:
    """What comes of a route's first example: status, type and JSON's keys."""
    operation = contract.by_route(route)
    target = operation.path
    for parameter in operation.parameters:
        if parameter["in"] == "path":
            target = target.replace(f"{{{parameter['name']}}}", parameter["example"])
    if route == "DELETE /topics/{topic}/subscriptions":
        target += "?url=https://shop.example.com/"
    content = None
    if "requestBody" in operation.spec:
        [example, *_] = operation.spec["requestBody"]["content"]["application/json"]["examples"].values()
        content = example["value"]
    response = client.request(operation.method, target, content)
    kind = response.headers["Content-Type"] if response.text else None
    return response.status, kind, _keys(response.json) if response.text else None


def _keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _keys(each) for name, each in value.items()}
    return [_keys(each) for each in value] if isinstance(value, list) else None


def _seen(url: str, difference: Difference) -> object:
    method, target, body = difference.request
    came = requests.request(method, url + target, data=body, headers=ADMIN, timeout=60)
    if difference.seen == "status":
        return came.status_code
    return next(name for name in came.headers if name.lower() == "content-type")
