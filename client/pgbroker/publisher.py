"""A publisher that gathers messages: a hundred in one request cost a hundredth each."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from pgbroker.buffer import ENOUGH, LINGER_SECONDS, Batch, Buffer
from pgbroker.request import Request, encode
from pgbroker.types import Message

MAX_WAITING = 10_000


class Publisher:
    """Gathers messages for a topic and stores them together: after 20 ms, or when 100 wait.

    What is published while a request is under way goes with the next one, up to 1,000. Messages are stored in the order
    in which they were published. Use it in a `with`, or close it: what still waits is lost otherwise.
    """

    def __init__(
        self,
        send: Callable[[Request[list[str]]], list[str]],
        topic: str,
        *,
        linger_seconds: float = LINGER_SECONDS,
        enough: int = ENOUGH,
    ) -> None:
        self._send = send
        self._linger_seconds = linger_seconds
        self._enough = enough
        self._buffer: Buffer[Future[str]] = Buffer(topic)
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._sending = False
        self._hurried = False
        self._closed = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"pgbroker publisher of {topic}", daemon=True)
        self._thread.start()

    def publish(
        self,
        content: Any,
        *,
        key: str | None = None,
        sender: str | None = None,
        attributes: dict[str, str] | None = None,
    ) -> "Future[str]":
        """Give it a message. The result of the future is its id: the message is committed then.

        Waits while 10,000 messages wait. Raises ValueError after the publisher was closed.
        """
        message = encode(Message(content, key, sender, attributes))
        future: Future[str] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            self._emptied.wait_for(lambda: self._closed or len(self._buffer) < MAX_WAITING)
            if self._closed:
                raise ValueError("the publisher is closed")
            self._buffer.add(message, future)
            if len(self._buffer) in {1, self._enough}:
                self._filled.notify()
        return future

    def flush(self) -> None:
        """Wait until all messages given so far are stored, or refused.

        Raises the first error since the last flush: a message whose future nobody looks at is not lost unnoticed.
        """
        with self._lock:
            self._hurried = True
            self._filled.notify()
            self._emptied.wait_for(lambda: not self._buffer and not self._sending)
            failure, self._failure = self._failure, None
        if failure:
            raise failure

    def close(self) -> None:
        """Store what waits, and end. Raises the first error since the last flush."""
        with self._lock:
            self._closed = True
            self._filled.notify()
        self._thread.join()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        while batch := self._next():
            self._store(batch)

    def _next(self) -> "Batch[Future[str]]":
        """Wait for a batch. It is empty when the publisher is closed."""
        with self._lock:
            self._sending = False
            if not self._buffer:
                self._hurried = False
            self._emptied.notify_all()
            self._filled.wait_for(lambda: self._buffer or self._closed)
            self._filled.wait_for(
                lambda: len(self._buffer) >= self._enough or self._hurried or self._closed, self._linger_seconds
            )
            batch = self._buffer.take()
            self._sending = len(batch) > 0
            return batch

    def _store(self, batch: "Batch[Future[str]]") -> None:
        try:
            batch.resolve(self._send(batch.request))
        except Exception as error:  # noqa: BLE001  each future gets it, and the thread goes on
            single = list(batch.split(error))
            for each in single:
                self._store(each)
            if not single:
                self._failure = self._failure or error
                batch.fail(error)
