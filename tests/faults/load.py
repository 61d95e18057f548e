"""Producers and consumers in threads. They go on through every fault, and write each response into a ledger."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Self

import requests

from tests.faults.ledger import Batch, Ledger
from tests.faults.runner import Runner, open_session
from tests.support.runner import until

PRODUCERS, CONSUMERS = 4, 8
LEASE_SECONDS = 2
BACKLOG = 1500  # messages that wait before producers pause
ORDERS = "/topics/orders"
# A worker that dies gives 500, as on Lambda. A part that is starting again gives 503.
ALLOWED = (500, 503)


class Load(AbstractContextManager["Load"]):
    """The load on one runner. It begins when the context is entered; `finish` ends it."""

    def __init__(self, runner: Runner, seed: int) -> None:
        self.ledger = Ledger()
        self._runner = runner
        self._numbers = itertools.count()
        self._stop_producing = threading.Event()
        self._stop_consuming = threading.Event()
        self._stop_repeating = threading.Event()
        self._producers = self._make_threads(self._produce, PRODUCERS, seed)
        self._consumers = self._make_threads(self._consume, CONSUMERS, seed + PRODUCERS)

    def __enter__(self) -> Self:
        for thread in (*self._producers, *self._consumers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for event in (self._stop_producing, self._stop_consuming, self._stop_repeating):
            event.set()

    def wait_for_progress(self, messages: int = 100) -> None:
        """Wait until so many more messages were published, and as many acks confirmed."""
        ledger = self.ledger
        published, settled = len(ledger.acknowledged) + messages, len(ledger.confirmed) + messages
        until(lambda: len(ledger.acknowledged) >= published and len(ledger.confirmed) >= settled)

    def finish(self) -> None:
        """Stop the producers, let the consumers empty the queue, and stop the consumers."""
        self._stop_producing.set()
        for thread in self._producers:
            thread.join()
        until(lambda: self._runner.get(ORDERS).json()["queue"]["waiting"] == 0)
        self._stop_consuming.set()
        for thread in self._consumers:
            thread.join()

    def _make_threads(self, work: Callable[..., None], count: int, seed: int) -> list[threading.Thread]:
        return [
            threading.Thread(target=work, args=(open_session(), random.Random(seed + nth)), daemon=True)
            for nth in range(count)
        ]

    def _produce(self, http: requests.Session, random_numbers: random.Random) -> None:
        while not self._stop_producing.is_set():
            if len(self.ledger.acknowledged) - len(self.ledger.confirmed) > BACKLOG:
                time.sleep(0.02)
                continue
            numbers = list(itertools.islice(self._numbers, random_numbers.randint(1, 10)))
            batch = Batch(numbers, self.ledger.kind, keyed=random_numbers.random() < 0.5)
            self.ledger.batches.append(batch)
            key = {"idempotency-key": f"batch-{numbers[0]}"} if batch.keyed else {}
            body = {"messages": [{"content": number} for number in numbers]}
            if result := self._request(http, f"{ORDERS}/messages", body, key, repeat=batch.keyed):
                batch.ids = result["ids"]
                self.ledger.acknowledged += numbers

    def _consume(self, http: requests.Session, random_numbers: random.Random) -> None:
        while not self._stop_consuming.is_set():
            request = {"max": random_numbers.randint(1, 20), "lease_seconds": LEASE_SECONDS}
            leased = (self._request(http, f"{ORDERS}/consume", request) or {"messages": []})["messages"]
            for message in leased:
                self.ledger.delivered.append((message["content"], message["id"], message["receives"]))
            match random_numbers.random():
                case _ if not leased:
                    time.sleep(0.05)
                case number if number < 0.05:  # it forgets them, like a consumer that crashed: their leases end
                    continue
                case number if number < 0.08:  # it settles too late: other consumers may have them
                    time.sleep(LEASE_SECONDS)
                    self._ack(http, leased)
                case number if number < 0.2:
                    receipts = [message["receipt"] for message in leased]
                    self._request(http, f"{ORDERS}/settle", {"release": receipts})
                case _:
                    self._ack(http, leased)

    def _ack(self, http: requests.Session, leased: list[dict[str, Any]]) -> None:
        settled = self._request(
            http, f"{ORDERS}/settle", {"ack": [message["receipt"] for message in leased]}, repeat=True
        )
        if settled is None:
            return
        for message in leased:
            if message["receipt"] in settled["gone"]:
                self.ledger.gone += [message["content"]] * settled["repeated"]
            elif message["receipt"] not in settled["stale"]:
                self.ledger.confirmed.append((message["content"], message["receives"], self.ledger.kind))

    def _request(
        self,
        http: requests.Session,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        *,
        repeat: bool = False,
    ) -> dict[str, Any] | None:
        """Send a request once, or until it succeeds. `repeated` in the result: it was sent more than once."""
        repeated = False
        while (result := self._post(http, path, body, headers)) is None:
            if not repeat or self._stop_repeating.is_set():
                return None
            repeated = True
            time.sleep(0.05)
        return {**result, "repeated": repeated}

    def _post(
        self, http: requests.Session, path: str, body: dict[str, Any], headers: dict[str, str] | None
    ) -> dict[str, Any] | None:
        try:
            response = http.post(f"{self._runner.url}{path}", json=body, headers=headers, timeout=40)
        except requests.RequestException:
            self.ledger.responses.append((self.ledger.kind, "none"))
            return None
        self.ledger.responses.append((self.ledger.kind, str(response.status_code)))
        if response.ok:
            return response.json()
        if response.status_code not in ALLOWED or "internal-error" in response.text:
            self.ledger.wrong.append(f"{response.status_code} {response.text}")
        return None
