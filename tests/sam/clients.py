"""Clients for functions in containers. They check each response against the contract."""

import json
from collections.abc import Mapping
from typing import Any

import requests

from tests.sam import stack
from tests.support import contract
from tests.support.client import ADMIN_TOKEN, Client, Response, routes


class Remote(Client):
    """Makes requests over HTTP, to `sam local start-api` or to another server with the same routes."""

    def __init__(self, url: str, token: str | None = ADMIN_TOKEN) -> None:
        super().__init__(token)
        self.url = url

    def request(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> Response:
        event = self.event(method, target, content, headers=headers)
        body = content if content is None or isinstance(content, str | bytes) else json.dumps(content)
        response = requests.request(method, self.url + target, data=body, headers=event["headers"], timeout=seconds)
        return _check(event["routeKey"], Response(response.status_code, response.headers, response.text))


class Invoker(Client):
    """Sends each request as an event to `sam local invoke`."""

    def __init__(self, sam: stack.Sam) -> None:
        super().__init__()
        self._sam = sam

    def request(
        self,
        method: str,
        target: str,
        content: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float = 28,
    ) -> Response:
        event = self.event(method, target, content, headers=headers)
        return self.answer(event["routeKey"], json.dumps(event))

    def answer(self, route: str, event: str) -> Response:
        answer = self._sam.invoke(routes()[route], event)
        return _check(route, Response(answer["statusCode"], answer["headers"], answer.get("body", "")))


def _check(route: str, response: Response) -> Response:
    if response.text:
        stack.check_answer(response.json)
    contract.by_route(route).check(response)
    return response
