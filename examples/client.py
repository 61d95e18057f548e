"""A client of the broker's HTTP API, to copy into your program. It needs only `requests`."""

import os
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

# After a lost connection, 429 or 503 a request is sent again: at once, then after 0.4, 0.8, 1.6 and 3.2 s, or as
# Retry-After says. Every request is safe to repeat: publish sends an Idempotency-Key.
RETRIES = Retry(5, backoff_factor=0.2, status_forcelist=[429, 503], allowed_methods=None, raise_on_status=False)


class Problem(Exception):
    """An error response of the broker, from its problem+json (RFC 9457)."""

    def __init__(self, response: requests.Response) -> None:
        problem = response.json() if "json" in response.headers.get("content-type", "") else {}
        self.status = response.status_code
        self.title: str = problem.get("title", response.reason)
        self.detail: str = problem.get("detail", problem.get("message", self.title))
        self.errors: list[dict[str, str]] = problem.get("errors", [])
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
        """Store one message durably, and return its id. `fields`: sender, key, attributes."""
        published = self._publish(topic, {"content": content, **fields})
        return str(published["id"])

    def publish_many(self, topic: str, messages: list[dict[str, Any]]) -> list[str]:
        """Store up to 1,000 messages, each `{"content": …}`, all or none. Return their ids."""
        return list(self._publish(topic, {"messages": messages})["ids"])

    def consume(self, topic: str, wait_seconds: int = 0, **options: Any) -> list[dict[str, Any]]:
        """Lease ready messages, oldest first; wait up to 20 s for one. `options`: max, lease_seconds, auto_ack."""
        leased = self.request("POST", _path(topic, "consume"), {"wait_seconds": wait_seconds, **options})
        return list(leased["messages"])

    def settle(self, topic: str, **receipts: list[Any]) -> dict[str, Any]:
        """End leases by `ack`, `release`, `extend` or `reject`. Check `stale`: another consumer has these now."""
        return dict(self.request("POST", _path(topic, "settle"), receipts))

    def ack(self, topic: str, message: dict[str, Any]) -> None:
        """Acknowledge one leased message. Raises Problem 409 when another consumer has it now."""
        self.request("DELETE", _path(topic, f"leases/{message['receipt']}"))

    def release(self, topic: str, message: dict[str, Any], delay_seconds: int = 0) -> None:
        """End the lease of one message. It is ready again after `delay_seconds`."""
        self.settle(topic, release=[{"receipt": message["receipt"], "delay_seconds": delay_seconds}])

    def subscribe(self, topic: str, url: str, **settings: Any) -> dict[str, Any]:
        """Let broadcasts be posted to `url`. Only the first response has the `secret` that signs them."""
        return dict(self.request("POST", _path(topic, "subscriptions"), {"url": url, **settings}))

    def unsubscribe(self, topic: str, url: str) -> None:
        """Remove a subscription. Messages that it has not received are no longer sent."""
        self.request("DELETE", _path(topic, f"subscriptions?url={quote(url, safe='')}"))

    def broadcast(self, topic: str) -> dict[str, Any]:
        """Send all ready messages to every subscription. The response has their number as `messages`."""
        return dict(self.request("POST", _path(topic, "broadcast")))

    def request(self, method: str, target: str, body: Any = None, **headers: str) -> Any:
        """Send any request of openapi.yaml; return its JSON, None for 204. Raises Problem, or errors of `requests`."""
        response = self.http.request(method, self.url + target, json=body, headers=headers, timeout=(5, 40))
        if not response.ok:
            raise Problem(response)
        return response.json() if response.content else None

    def _publish(self, topic: str, body: dict[str, Any]) -> Any:
        return self.request("POST", _path(topic, "messages"), body, **{"Idempotency-Key": str(uuid4())})


def _path(topic: str, rest: str) -> str:
    return f"/topics/{quote(topic, safe='')}/{rest}"
