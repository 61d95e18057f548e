"""`sam local start-api` and our gateway give the same responses, except for the differences that are listed here."""

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
from tests.support.client import ADMIN_TOKEN, PAGES, ROOT, TOKEN_KEY, routes

ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


@dataclass(frozen=True)
class Difference:
    """A request to which our gateway responds as API Gateway does (`ours`), and `sam local` differently (`sams`)."""

    what: str
    why: str
    request: tuple[str, str, bytes | None]
    ours: object
    sams: object
    compared: str = "status"


DIFFERENCES = [
    Difference(
        "an unknown route",
        "sam refuses it as a REST API does; an HTTP API answers Not Found",
        ("GET", "/nothing", None),
        ours=404,
        sams=403,
    ),
    Difference(
        "an unknown method",
        "the same as for an unknown route",
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
        "sam decodes the path before it looks for the route; then the broker refuses the topic's name",
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
        "sam keeps the case that the function uses; in HTTP the case has no meaning",
        ("GET", "/health", None),
        ours="content-type",
        sams="Content-Type",
        compared="header",
    ),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """A client of `make run`, with the admin token."""
    environment = {
        "PATH": os.environ["PATH"],
        "BROKER_PORT": "0",
        "BROKER_DATA": str(tmp_path_factory.mktemp("gateway")),
        "BROKER_ADMIN_TOKEN": ADMIN_TOKEN,
        "TOKEN_KEYS": TOKEN_KEY,
    }
    command = [sys.executable, "-m", "local"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        client = Remote(next(line.split()[-1] for line in process.stdout if line.startswith("ready on")))
        for token in client.get("/tokens").json["items"]:
            if token["name"].startswith("console-"):  # `sam local` has none for the console
                client.delete(f"/tokens/{token['id']}")
        yield client
        process.terminate()


@pytest.mark.parametrize("route", sorted(routes().keys() - PAGES))
def test_both_gateways_refuse_a_request_without_a_token_in_the_same_way(
    api: Remote, gateway: Remote, route: str
) -> None:
    assert _send_example(Remote(api.url, None), route) == _send_example(Remote(gateway.url, None), route)


@pytest.mark.parametrize("route", sorted(routes().keys() - PAGES))
def test_both_gateways_give_the_same_response_to_the_first_example_of_a_route(
    api: Remote, gateway: Remote, route: str
) -> None:
    assert _send_example(api, route) == _send_example(gateway, route)


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.what)
def test_a_listed_difference_still_exists(api: Remote, gateway: Remote, difference: Difference) -> None:
    assert _compared_value(gateway.url, difference) == difference.ours
    assert _compared_value(api.url, difference) == difference.sams, difference.why


def _send_example(client: Remote, route: str) -> tuple[int, str | None, Any]:
    """Send the first example of a route. Returns the status, the content type and the keys of the JSON."""
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


def _compared_value(url: str, difference: Difference) -> object:
    method, target, body = difference.request
    response = requests.request(method, url + target, data=body, headers=ADMIN, timeout=60)
    if difference.compared == "status":
        return response.status_code
    return next(name for name in response.headers if name.lower() == "content-type")
