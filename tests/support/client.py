"""Requests to the functions' handlers in this process, through the routes of template.yaml."""

import base64
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from broker import token_format
from tests.support import contract

ROOT = Path(__file__).parents[2]
TOKEN_KEY = "k" * 42 + "A"  # of the checks of all tokens in tests, events/ and openapi.yaml


def make_token(character: str, key: str = TOKEN_KEY) -> str:
    """The same token at each call: 43 times the character, and its check."""
    text = "brk_" + character * 43
    return text + token_format.check(text, key)


ADMIN_TOKEN = make_token("a")
PAGES = {"GET /console", "GET /console/{file}", "GET /docs"}  # for people: the contract has the others


class Context:
    """The context of an invocation, as far as the functions read it."""

    aws_request_id = "00000000-0000-0000-0000-000000000000"
    function_name = "function"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:function"

    def __init__(self, seconds: float = 28) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class _Loader(yaml.CSafeLoader):
    """Reads YAML with CloudFormation's tags; their values stay as they are written."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, node: node.value)


@cache
def template(file: str = "template.yaml") -> Any:
    """The content of a template."""
    return yaml.load((ROOT / file).read_text(), _Loader)


@cache
def app(folder: str) -> ModuleType:
    """The module `app` of a function's folder."""
    spec = importlib.util.spec_from_file_location(f"functions_{folder}_app", ROOT / "functions" / folder / "app.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def routes() -> Mapping[str, str]:
    """The folder of each route: `{"GET /topics": "manage", …}`."""
    return {
        f"{event['Properties']['Method']} {event['Properties']['Path']}": Path(resource["Properties"]["CodeUri"]).name
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }


class Client:
    """Makes requests with a token, and checks each response against openapi.yaml."""

    def __init__(self, token: str | None = ADMIN_TOKEN) -> None:
        self.token = token

    def get(self, target: str, **options: Any) -> Response:
        return self.request("GET", target, **options)

    def post(self, target: str, content: Any = None, **options: Any) -> Response:
        return self.request("POST", target, content, **options)

    def put(self, target: str, content: Any = None, **options: Any) -> Response:
        return self.request("PUT", target, content, **options)

    def patch(self, target: str, content: Any = None, **options: Any) -> Response:
        return self.request("PATCH", target, content, **options)

    def delete(self, target: str, **options: Any) -> Response:
        return self.request("DELETE", target, **options)

    def request(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 28,
    ) -> Response:
        """Send `content` unchanged when it is str or bytes, else as JSON. The function has `seconds` of time."""
        event = self.event(method, target, content, headers=headers)
        result = app(routes()[event["routeKey"]]).handler(event, Context(seconds))
        response = Response(result["statusCode"], result["headers"], result.get("body", ""))
        if event["routeKey"] not in PAGES:
            contract.by_route(event["routeKey"]).check(response)
        return response

    def event(
        self, method: str, target: str, content: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The event that API Gateway makes of a request (payload format 2.0), as far as the functions read it."""
        parts = urlsplit(target)
        key, parameters = _match(method, parts.path)
        own_headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": {**own_headers, **(headers or {})},
            "isBase64Encoded": False,
        }
        if parameters:
            event["pathParameters"] = parameters
        if parts.query:
            event["queryStringParameters"] = dict(parse_qsl(parts.query, keep_blank_values=True))
        if isinstance(content, bytes):
            event |= {"body": base64.b64encode(content).decode(), "isBase64Encoded": True}
        elif content is not None:
            event["body"] = content if isinstance(content, str) else json.dumps(content)
        return event


def _match(method: str, path: str) -> tuple[str, dict[str, str]]:
    found = []
    for key in routes():
        route_method, template_path = key.split(" ")
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template_path))
        if route_method == method and (match := re.fullmatch(pattern, path)):
            found.append((key, {name: unquote(value) for name, value in match.groupdict().items()}))
    return min(found, key=lambda each: len(each[1]))
