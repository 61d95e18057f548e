"""A mixed load on one database whose partitions come and go: each program in a thread of its own.

with Load(ring, dsn) as load:
    load.wait_for(lambda load: load.turns >= 50)
    load.finish()

Orders are consumed: acked, released with a delay, rejected or forgotten. News are broadcast to two subscriptions. One
of them is paused most of the time, so that it is owed messages of partitions that leave; the other refuses some.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from typing import Any, Self
from uuid import UUID

import psycopg

from broker import in_process
from broker.schema import maintenance
from broker.transport import payloads, queues
from tests.support.endpoints import Behaviour, Endpoint, Received, answers
from tests.support.topic import Topic

PRODUCERS, CONSUMERS = 2, 3
OUTSTANDING = 300  # orders that wait before producers pause
PAUSE_SECONDS = 0.05  # of a consumer that got nothing
PAUSED, RESUMED, REDRIVEN = 20, 4, 5  # turns
LEFT = 300  # turns, in which all that is left when the producers stop must be done

PUBLISH = "SELECT ids FROM broker.publish_batch(%s, %s::json, 'a producer')"
CONSUME = "SELECT id, receipt FROM broker.consume('orders', 10, 1)"
SETTLE = "SELECT gone, stale FROM broker.settle('orders', %s::json)"
REDRIVE = "SELECT changed FROM broker.redrive(%s, %s::json, 0, false)"
PAUSE = "SELECT broker.change_subscription('news', %s, jsonb_build_object('paused', %s))"


class Receiver(Endpoint):
    """Counts the messages that it takes, by its path. /picky refuses some: once, or until they were dead."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[str, Counter[UUID]] = {"/slow": Counter(), "/picky": Counter()}
        self.refused: Counter[UUID] = Counter()

    def received(self, request: Received) -> Behaviour:
        """Take a batch, and name those that are refused."""
        ids = [UUID(message["id"]) for message in json.loads(request.body)["messages"]]
        failed = [each for each in ids if request.path == "/picky" and self.refused[each] < _refusals(each)]
        self.refused.update(failed)
        self.taken[request.path].update(set(ids) - set(failed))
        return answers(200, body=json.dumps({"failed": [str(each) for each in failed]}).encode() if failed else b"")


def _refusals(message_id: UUID) -> int:
    """How often a message is refused: three times, and it was dead in between."""
    return {0: 1, 32: 3}.get(message_id.int % 64, 0)


class Load:
    """The threads, and what they did. `watch` is called after each run of Maintain that removed partitions."""

    def __init__(
        self, owner: psycopg.Connection[Any], dsn: str, watch: Callable[["Load"], None] = lambda _: None
    ) -> None:
        self.published: dict[str, list[UUID]] = {"orders": [], "news": []}
        self.acked: Counter[UUID] = Counter()
        self.turns = 0  # partitions that were removed
        self.done: Counter[str] = Counter()
        self.stayed: Counter[str] = Counter()  # partitions, by the reason
        self.receiver = Receiver()
        self._dsn, self._watch = dsn, watch
        self._topics = {name: Topic(name, owner) for name in self.published}
        self._changed = threading.Condition()
        self._producing, self._running = threading.Event(), threading.Event()
        self._stack = ExitStack()
        self._threads: list[Future[None]] = []
        self._producers: list[Future[None]] = []

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.enter_context(self.receiver)
            pool = undo.enter_context(ThreadPoolExecutor(max_workers=16))
            undo.callback(self._stop)
            self._subscribe()
            self._producing.set()
            self._running.set()
            self._producers = [pool.submit(self._run, self._produce, nth) for nth in range(PRODUCERS)]
            others = [self._broadcast, self._redrive, self._pause, *[self._consume] * CONSUMERS]
            self._threads = [pool.submit(self._run, each, nth) for nth, each in enumerate(others, PRODUCERS)]
            self._threads += [pool.submit(each) for each in (self._push, self._maintain)]
            self._stack = undo.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(None, None, None)

    def wait_for(self, condition: Callable[["Load"], bool], patience_seconds: float = 120) -> None:
        """Wait until a condition is true. It is asked after each turn, one of which must come within the patience."""
        while not condition(self):
            turns = self.turns
            with self._changed:
                self._changed.wait_for(lambda: self.turns > turns or self._failed(), patience_seconds)  # noqa: B023
            for thread in self._failed():
                thread.result()
            assert self.turns > turns, "no partition was removed"

    def finish(self) -> None:
        """Stop the producers, let the others do all that is left, and stop them."""
        self._producing.clear()
        self._wake()
        for producer in self._producers:
            producer.result()
        last = self.turns + LEFT
        self.wait_for(lambda load: load._is_done() or load.turns > last)
        assert self._is_done(), "messages are lost, or stuck"
        self._stop()
        wait(self._threads, return_when=FIRST_EXCEPTION)
        for thread in self._threads:
            thread.result()

    def _is_done(self) -> bool:
        wanted = {"orders": self.acked, **self.receiver.taken}
        return all(
            len(found) >= len(self.published.get(name, self.published["news"])) for name, found in wanted.items()
        )

    def _failed(self) -> list[Future[None]]:
        return [each for each in (*self._producers, *self._threads) if each.done() and each.exception()]

    def _stop(self) -> None:
        self._producing.clear()
        self._running.clear()
        self._wake()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _subscribe(self) -> None:
        news = self._topics["news"]
        self._slow = news.subscribe(f"{self.receiver.url}/slow", name="slow")
        self._picky = news.subscribe(f"{self.receiver.url}/picky", name="picky", retry_schedule=[1])

    def _run(self, work: Callable[[psycopg.Connection[Any], random.Random], None], seed: int) -> None:
        try:
            with closing(psycopg.connect(self._dsn, autocommit=True)) as connection:
                work(connection, random.Random(seed))
        finally:
            self._wake()

    def _produce(self, connection: psycopg.Connection[Any], random_numbers: random.Random) -> None:
        while self._producing.is_set():
            for topic, published in self.published.items():
                contents = [
                    {"content": "x" * random_numbers.randint(1, 500)} for _ in range(random_numbers.randint(1, 10))
                ]
                [ids] = connection.execute(PUBLISH, [topic, json.dumps(contents)]).fetchone() or []
                published.extend(ids)
            with self._changed:
                self._changed.wait_for(lambda: not self._producing.is_set() or self._outstanding() < OUTSTANDING)

    def _outstanding(self) -> int:
        return max(
            len(self.published["orders"]) - len(self.acked),
            len(self.published["news"]) - len(self.receiver.taken["/picky"]),
        )

    def _consume(self, connection: psycopg.Connection[Any], random_numbers: random.Random) -> None:
        while self._running.is_set():
            leased = connection.execute(CONSUME).fetchall()
            if not leased:
                with self._changed:
                    self._changed.wait(PAUSE_SECONDS)  # as a consumer does; it need not be woken
                continue
            receipts: dict[str, list[Any]] = {"ack": [], "release": [], "reject": []}
            for _, receipt in leased:
                match random_numbers.random():
                    case number if number < 0.02:  # forgotten: its lease ends
                        continue
                    case number if number < 0.1:
                        receipts["release"].append({"receipt": receipt, "delay_seconds": random_numbers.randint(0, 3)})
                    case number if number < 0.12:
                        receipts["reject"].append(receipt)
                    case _:
                        receipts["ack"].append(receipt)
            [gone, stale] = connection.execute(SETTLE, [json.dumps(receipts)]).fetchone() or []
            late = {*gone, *stale}
            acked = [message_id for message_id, receipt in leased if receipt in receipts["ack"] and receipt not in late]
            with self._changed:
                self.acked.update(acked)
                self.done.update({name: len(each) for name, each in receipts.items()})
                self._changed.notify_all()

    def _broadcast(self, connection: psycopg.Connection[Any], _: random.Random) -> None:
        while self._wait_for_turn():
            connection.execute("SELECT FROM broker.broadcast('news')")
            self.done["a broadcast"] += 1

    def _redrive(self, connection: psycopg.Connection[Any], _: random.Random) -> None:
        while self._wait_for_turn(REDRIVEN):
            for topic, subscribed in (("orders", None), ("news", self._picky)):
                found = {} if subscribed is None else {"subscription": str(subscribed.id)}
                [changed] = connection.execute(REDRIVE, [topic, json.dumps(found)]).fetchone() or []
                self.done[f"redriven of {topic}"] += changed

    def _pause(self, connection: psycopg.Connection[Any], _: random.Random) -> None:
        going_on = True
        while going_on:
            connection.execute(PAUSE, [self._slow.id, True])
            going_on = self._producing.is_set() and self._wait_for_turn(PAUSED) and self._producing.is_set()
            connection.execute(PAUSE, [self._slow.id, False])
            self.done["a pause"] += 1
            going_on = going_on and self._wait_for_turn(RESUMED)

    def _wait_for_turn(self, turns: int = 1) -> bool:
        """Wait until so many more partitions are removed; at the end of the producers, or of all, no longer."""
        until, producing = self.turns + turns, self._producing.is_set()

        def come() -> bool:
            return self.turns >= until or not self._running.is_set() or producing != self._producing.is_set()

        with self._changed:
            self._changed.wait_for(come)
        return self._running.is_set()

    def _push(self) -> None:
        try:
            while self._running.is_set():
                queues.dispatch_in_memory.send([payloads.encode_wake_up(payloads.WakeUp(None))])
                in_process.run()
                self._wake()
        finally:
            self._wake()

    def _maintain(self) -> None:
        try:
            while self._running.is_set():
                done = maintenance.maintain()
                self.stayed.update(each.reason for each in done.kept)
                assert (done.lost, done.ended) == (0, 0)
                if done.removed:
                    self._watch(self)
                    with self._changed:
                        self.turns += len(done.removed)
                        self._changed.notify_all()
        finally:
            self._wake()
