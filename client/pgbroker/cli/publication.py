"""Parts of many messages, several of them under way at once."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from pgbroker.cli.parts import Part
from pgbroker.cli.session import Session
from pgbroker.verbs.messages import publish_encoded

READ_AHEAD = 2  # parts that wait for a thread


class Publication:
    """Publishes parts in threads, with keys of `key`, and counts what is stored.

    `until` is the last line up to which all lines are stored, `beyond` are ranges of lines that are stored after it.
    `replayed` messages were stored before this run.
    """

    def __init__(self, session: Session, topic: str, key: Callable[[Part], str], concurrency: int) -> None:
        self._topic = topic
        self._key = key
        self._pool = ThreadPoolExecutor(concurrency)
        self._limit = concurrency + READ_AHEAD
        self._under_way: deque[tuple[Part, Future[int]]] = deque()
        self._thread = threading.local()
        self._broker = session.connect(event_hooks={"response": [self._note_response]})
        self.until = self.messages = self.replayed = self.requests = self.bytes = 0
        self.beyond: list[tuple[int, int]] = []
        self.failed: Part | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._broker.close()

    def add(self, part: Part) -> None:
        """Publish a part. Waits while many are under way, and raises what one of them failed with."""
        while len(self._under_way) >= self._limit:
            self._finish_one()
        self._under_way.append((part, self._pool.submit(self._store, part)))

    def finish(self) -> None:
        """Wait for all parts. Raises what one of them failed with."""
        while self._under_way:
            self._finish_one()

    def abandon(self) -> None:
        """Begin nothing more, and wait for what is under way: some of it may be stored."""
        self._pool.shutdown(cancel_futures=True)
        while self._under_way:
            part, sent = self._under_way.popleft()
            if sent.cancelled() or sent.exception() is not None:
                self.failed = self.failed or part
            else:
                self._count(part, sent.result())

    def _finish_one(self) -> None:
        part, sent = self._under_way[0]
        try:
            replayed = sent.result()
        except Exception:
            self.failed = part
            self._under_way.popleft()
            raise
        self._under_way.popleft()
        self._count(part, replayed)

    def _count(self, part: Part, replayed: int) -> None:
        first, last = part.lines
        if self.failed is None:
            self.until = last
        else:
            self.beyond.append((first, last))
        self.messages += len(part.messages)
        self.replayed += replayed
        self.requests += 1
        self.bytes = part.end

    def _store(self, part: Part) -> int:
        """Return how many messages an earlier run has stored."""
        self._thread.is_replay = False
        ids = self._broker.send(publish_encoded(self._topic, part.messages, idempotency_key=self._key(part)))
        return len(ids) if self._thread.is_replay else 0

    def _note_response(self, response: Any) -> None:
        """Note whether a response repeats that of an earlier request."""
        self._thread.is_replay = "idempotency-replayed" in response.headers
