"""Producers and consumers in threads, which go on whatever happens and write down what they were told."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Self

import requests

from tests.faults.ledger import Batch, Ledger
from tests.faults.runner import Runner, session
from tests.support.runner import until

PRODUCERS, CONSUMERS = 4, 8
LEASE_SECONDS = 2
BACKLOG = 1500  # messages that wait before producers pause
ORDERS = "/topics/orders"
# What a kill excuses: a worker that died is 500 as on Lambda, and what is not there for a moment is 503.
EXCUSED = (500, 503)


class Load(AbstractContextManager["Load"]):
    """The load on one runner; it begins on entering, and is ended by `finish`."""

    def __init__(self, runner: Runner, seed: int) -> None:
        self.ledger = Ledger()
        self._runner = runner
        self._numbers = itertools.count()
        self._no_more = threading.Event()
        self._empty = threading.Event()
        self._over = threading.Event()
        self._producers = self._threads(self._produce, PRODUCERS, seed)
        self._consumers = self._threads(self._consume, CONSUMERS, seed + PRODUCERS)

    def __enter__(self) -> Self:
        for thread in (*self._producers, *self._consumers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for event in (self._no_more, self._empty, self._over):
            event.set()

    def moves_on(self, messages: int = 100) -> None:
        """Return once this many more were published, and as many settled."""
        books = self.ledger
        published, settled = len(books.acknowledged) + messages, len(books.confirmed) + messages
        until(lambda: len(books.acknowledged) >= published and len(books.confirmed) >= settled, 60)

    def finish(self) -> None:
        """End the producers, let the consumers take what is left, and end them."""
        self._no_more.set()
        for thread in self._producers:
            thread.join()
        until(lambda: self._runner.get(ORDERS).json()["queue"]["waiting"] == 0, 120)
        self._empty.set()
        for thread in self._consumers:
            thread.join()

    def _threads(self, work: Callable[..., None], count: int, seed: int) -> list[threading.Thread]:
        return [
            threading.Thread(target=work, args=(session(), random.Random(seed + nth)), daemon=True)
            for nth in range(count)
        ]

    def _produce(self, http: requests.Session, chance: random.Random) -> None:
        while not self._no_more.is_set():
            if len(self.ledger.acknowledged) - len(self.ledger.confirmed) > BACKLOG:
                time.sleep(0.02)
                continue
            numbers = list(itertools.islice(self._numbers, chance.randint(1, 10)))
            batch = Batch(numbers, self.ledger.kind, keyed=chance.random() < 0.5)
            self.ledger.batches.append(batch)
            key = {"idempotency-key": f"batch-{numbers[0]}"} if batch.keyed else {}
            body = {"messages": [{"content": number} for number in numbers]}
            if answer := self._ask(http, f"{ORDERS}/messages", body, key, again=batch.keyed):
                batch.ids = answer["ids"]
                self.ledger.acknowledged += numbers

    def _consume(self, http: requests.Session, chance: random.Random) -> None:
        while not self._empty.is_set():
            wish = {"max": chance.randint(1, 20), "lease_seconds": LEASE_SECONDS}
            leased = (self._ask(http, f"{ORDERS}/consume", wish) or {"messages": []})["messages"]
            for message in leased:
                self.ledger.delivered.append((message["content"], message["id"], message["receives"]))
            match chance.random():
                case _ if not leased:
                    time.sleep(0.05)
                case fate if fate < 0.05:  # it forgets them, as one that crashed would: their leases run out
                    continue
                case fate if fate < 0.08:  # it is too late: others may have them
                    time.sleep(LEASE_SECONDS)
                    self._ack(http, leased)
                case fate if fate < 0.2:
                    receipts = [message["receipt"] for message in leased]
                    self._ask(http, f"{ORDERS}/settle", {"release": receipts})
                case _:
                    self._ack(http, leased)

    def _ack(self, http: requests.Session, leased: list[dict[str, Any]]) -> None:
        told = self._ask(http, f"{ORDERS}/settle", {"ack": [message["receipt"] for message in leased]}, again=True)
        if told is None:
            return
        for message in leased:
            if message["receipt"] in told["gone"]:
                self.ledger.gone += [message["content"]] * told["repeated"]
            elif message["receipt"] not in told["stale"]:
                self.ledger.confirmed.append((message["content"], message["receives"], self.ledger.kind))

    def _ask(
        self,
        http: requests.Session,
        path: str,
        body: dict[str, Any],
        headers: dict[str, str] | None = None,
        *,
        again: bool = False,
    ) -> dict[str, Any] | None:
        """Ask once, or `again` and again until it is answered well. `repeated` says whether it was asked again."""
        repeated = False
        while (told := self._told(http, path, body, headers)) is None:
            if not again or self._over.is_set():
                return None
            repeated = True
            time.sleep(0.05)
        return {**told, "repeated": repeated}

    def _told(
        self, http: requests.Session, path: str, body: dict[str, Any], headers: dict[str, str] | None
    ) -> dict[str, Any] | None:
        try:
            answer = http.post(f"{self._runner.url}{path}", json=body, headers=headers, timeout=40)
        except requests.RequestException:
            self.ledger.answers.append((self.ledger.kind, "none"))
            return None
        self.ledger.answers.append((self.ledger.kind, str(answer.status_code)))
        if answer.ok:
            return answer.json()
        if answer.status_code not in EXCUSED or "internal-error" in answer.text:
            self.ledger.wrong.append(f"{answer.status_code} {answer.text}")
        return None
