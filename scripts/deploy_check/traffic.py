"""What requests show: through the broker's address, and a push whose endpoint is the broker itself.

The endpoint is `POST /topics/{topic}/broadcast` of a topic without subscriptions: it takes any body, and answers 202.
So Deliver posts over the internet, with a certificate of Amazon's, and needs no server of one's own.
"""

import contextlib
import http.client
import json
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from scripts.deploy_check.deployed import Deployed, Finding

TOPIC = "pgbroker-deploy-check-push"
ENDPOINT = "pgbroker-deploy-check-end"
BATCHES = 20  # more than the 16 rounds after which AWS ends a loop that it does not allow
PATIENCE_SECONDS = 120
MARK = f"deploy-check-{uuid.uuid4()}"  # in the content of each message: no log may have it
FLOOD = 4000  # requests
FLOOD_CLIENTS = 64

Answer = tuple[int, Any]


class Unexpected(Exception):
    """The broker refused what the check needs."""


def ask(of: Deployed, method: str, path: str, document: object = None, *, anonymous: bool = False) -> Answer:
    """Send a request with the admin token; return its status and its JSON, or what is not JSON as text."""
    headers = {} if anonymous else {"Authorization": f"Bearer {of.admin_token}"}
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(of.output("Url") + path, data, headers, method=method)  # noqa: S310  the stack's
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return response.status, _decode(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _decode(error.read())


def _decode(body: bytes) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body.decode(errors="replace")


def health(of: Deployed) -> Finding:
    status, _ = ask(of, "GET", "/health?database=true")
    stranger, _ = ask(of, "GET", "/topics", anonymous=True)
    is_expected = (status, stranger) == (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED)
    return Finding(f"with the admin token {status}, without a token {stranger}", is_expected=is_expected)


def catch_up(of: Deployed) -> Finding:
    """Push 20 batches to one subscription, one after the other, and read the attempts. Its topics are deleted then."""
    started = time.monotonic()
    try:
        attempts = _push(of)
    finally:
        for topic in (TOPIC, ENDPOINT):
            ask(of, "DELETE", f"/topics/{topic}?force=true")
    return judge(attempts, time.monotonic() - started)


def judge(attempts: Sequence[Mapping[str, Any]], seconds: float) -> Finding:
    """Say what came of the batches: 20 attempts with 202 are expected."""
    statuses = Counter(str(each["status"] or each["reason"]) for each in attempts)
    seen = ", ".join(f"{count} x {what}" for what, count in sorted(statuses.items())) or "no attempt"
    return Finding(f"{seen}, in {seconds:.0f} s", is_expected=statuses == {str(int(HTTPStatus.ACCEPTED)): BATCHES})


def _push(of: Deployed) -> list[Mapping[str, Any]]:
    for topic in (TOPIC, ENDPOINT):
        _expect(ask(of, "PUT", f"/topics/{topic}", {}))
    token = _expect(ask(of, "POST", "/tokens", {"name": MARK, "scopes": ["broadcast"], "topics": [ENDPOINT]}))
    try:
        webhook = {
            "url": f"{of.output('Url')}/topics/{ENDPOINT}/broadcast",
            "name": MARK,
            "headers": {"Authorization": f"Bearer {token['token']}"},
            "batch_size": 1,
        }
        subscription = _expect(ask(of, "POST", f"/topics/{TOPIC}/subscriptions", webhook))["id"]
        path = f"/topics/{TOPIC}/subscriptions/{subscription}"
        messages = [{"content": {MARK: number}} for number in range(BATCHES)]
        _expect(ask(of, "POST", f"/topics/{TOPIC}/messages", {"messages": messages}))
        _expect(ask(of, "POST", f"/topics/{TOPIC}/broadcast"))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while _expect(ask(of, "GET", path))["behind"] and time.monotonic() < give_up:
            time.sleep(1)
        items: list[Mapping[str, Any]] = _expect(ask(of, "GET", f"{path}/attempts"))["items"]
        return items
    finally:
        ask(of, "DELETE", f"/tokens/{token['id']}")


def _expect(answer: Answer) -> Any:
    status, value = answer
    if status >= HTTPStatus.BAD_REQUEST:
        raise Unexpected(f"the broker answered {status}: {value}")
    return value


def wording(of: Deployed) -> Finding:
    """Ask for a route that does not exist: API Gateway itself answers, without a function."""
    status, value = ask(of, "GET", "/nowhere/at/all", anonymous=True)
    return Finding(f"{status} {json.dumps(value)}", is_expected=None)


def flood(of: Deployed) -> Finding:
    """Send public requests as fast as 64 connections can. API Gateway takes 1,000 a second, and 500 more at once."""
    with ThreadPoolExecutor(FLOOD_CLIENTS) as clients:
        counted = clients.map(_send_many, [of.output("Url")] * FLOOD_CLIENTS)
        answers = sum(counted, Counter[str]())
    return Finding(", ".join(f"{count} x {what}" for what, count in answers.most_common()), is_expected=None)


def _send_many(url: str) -> Counter[str]:
    """Send one client's share over one connection; count the answers."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=30)
    answers: Counter[str] = Counter()
    with contextlib.closing(connection):
        for _ in range(FLOOD // FLOOD_CLIENTS):
            connection.request("GET", "/")
            response = connection.getresponse()
            body = response.read()
            answers[f"{response.status}" if response.status == HTTPStatus.OK else f"{response.status} {body!r}"] += 1
    return answers
