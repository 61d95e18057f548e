"""The broker's HTTP API in Python. Copy it into your program: it needs nothing but `requests`."""

import os
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

# After a lost connection, 429 and 503: at once, then after 0.4, 0.8, 1.6, 3.2 s, or when Retry-After says.
# Every verb may be repeated: a publish because its Idempotency-Key goes with it.
RETRIES = Retry(5, backoff_factor=0.2, status_forcelist=[429, 503], allowed_methods=None, raise_on_status=False)


class Problem(Exception):
    """The broker refuses, and says why in problem+json (RFC 9457)."""

    def __init__(self, answer: requests.Response) -> None:
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        self.status = answer.status_code
        self.title: str = told.get("title", answer.reason)
        self.detail: str = told.get("detail", told.get("message", self.title))
        self.errors: list[dict[str, str]] = told.get("errors", [])
        faults = [f"{fault.get('pointer') or fault.get('parameter', '')} {fault['detail']}" for fault in self.errors]
        super().__init__("; ".join([f"{self.status} {self.detail}", *faults]))


class Broker:
    """A connection to the broker at `url` (by default $BROKER), with `token` (by default $TOKEN)."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self.url = (url or os.environ.get("BROKER", "http://127.0.0.1:3000")).rstrip("/")
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {token or os.environ.get('TOKEN', '')}"
        self.http.mount(self.url, HTTPAdapter(max_retries=RETRIES))

    def publish(self, topic: str, content: Any, **fields: Any) -> str:
        """Store one message, for good once this returns; its id. `fields`: sender, key, attributes."""
        published = self._publish(topic, {"content": content, **fields})
        return str(published["id"])

    def publish_many(self, topic: str, messages: list[dict[str, Any]]) -> list[str]:
        """Store up to 1,000 messages, each `{"content": …}`, all or none; their ids."""
        return list(self._publish(topic, {"messages": messages})["ids"])

    def consume(self, topic: str, wait_seconds: int = 0, **wish: Any) -> list[dict[str, Any]]:
        """Lease what is ready, oldest first; waits up to 20 s for it. `wish`: max, lease_seconds, auto_ack."""
        leased = self.request("POST", _of(topic, "consume"), {"wait_seconds": wait_seconds, **wish})
        return list(leased["messages"])

    def settle(self, topic: str, **receipts: list[Any]) -> dict[str, Any]:
        """End leases by `ack`, `release`, `extend` or `reject`. Look at `stale`: another consumer has those now."""
        return dict(self.request("POST", _of(topic, "settle"), receipts))

    def ack(self, topic: str, message: dict[str, Any]) -> None:
        """Done with one leased message. Problem 409 when another consumer has it by now."""
        self.request("DELETE", _of(topic, f"leases/{message['receipt']}"))

    def release(self, topic: str, message: dict[str, Any], delay_seconds: int = 0) -> None:
        """Give one leased message back, to be consumed again after `delay_seconds`."""
        self.settle(topic, release=[{"receipt": message["receipt"], "delay_seconds": delay_seconds}])

    def subscribe(self, topic: str, url: str, **settings: Any) -> dict[str, Any]:
        """Have broadcasts posted to `url`. The answer has the signing `secret` the first time only."""
        return dict(self.request("POST", _of(topic, "subscriptions"), {"url": url, **settings}))

    def unsubscribe(self, topic: str, url: str) -> None:
        self.request("DELETE", _of(topic, f"subscriptions?url={quote(url, safe='')}"))

    def broadcast(self, topic: str) -> dict[str, Any]:
        """Send everything that is ready to every subscription; how many `messages` that is."""
        return dict(self.request("POST", _of(topic, "broadcast")))

    def request(self, method: str, target: str, body: Any = None, **headers: str) -> Any:
        """Make any request of openapi.yaml: its answer, None for 204. Raises Problem, or what requests raises."""
        answer = self.http.request(method, self.url + target, json=body, headers=headers, timeout=(5, 40))
        if not answer.ok:
            raise Problem(answer)
        return answer.json() if answer.content else None

    def _publish(self, topic: str, body: dict[str, Any]) -> Any:
        return self.request("POST", _of(topic, "messages"), body, **{"Idempotency-Key": str(uuid4())})


def _of(topic: str, what: str) -> str:
    return f"/topics/{quote(topic, safe='')}/{what}"
