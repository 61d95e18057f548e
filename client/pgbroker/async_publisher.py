"""A publisher that gathers messages, for asyncio."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from pgbroker.buffer import ENOUGH, LINGER_SECONDS, Batch, Buffer
from pgbroker.request import Request, encode
from pgbroker.types import Message


class AsyncPublisher:
    """Gathers messages for a topic and stores them together: after 20 ms, or when 100 wait.

    What is published while a request is under way goes with the next one, up to 1,000. Messages are stored in the order
    in which they were published.
    """

    def __init__(
        self,
        send: Callable[[Request[list[str]]], Awaitable[list[str]]],
        topic: str,
        *,
        linger_seconds: float = LINGER_SECONDS,
        enough: int = ENOUGH,
    ) -> None:
        self._send = send
        self._linger_seconds = linger_seconds
        self._enough = enough
        self._buffer: Buffer[asyncio.Future[str]] = Buffer(topic)
        self._timer: asyncio.TimerHandle | None = None
        self._sender: asyncio.Task[None] | None = None

    async def publish(
        self,
        content: Any,
        *,
        key: str | None = None,
        sender: str | None = None,
        attributes: dict[str, str] | None = None,
    ) -> str:
        """Store a message together with those of other tasks, and return its id. It is committed then."""
        message = encode(Message(content, key, sender, attributes))
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._buffer.add(message, future)
        if len(self._buffer) >= self._enough:
            self._start()
        elif self._timer is None:
            self._timer = loop.call_later(self._linger_seconds, self._start)
        return await future

    async def close(self) -> None:
        """Store what waits."""
        while self._buffer or self._sender:
            self._start()
            if self._sender:
                await self._sender

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _start(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._sender is None and self._buffer:
            self._sender = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._buffer:
                await self._store(self._buffer.take())
        finally:
            self._sender = None

    async def _store(self, batch: Batch[asyncio.Future[str]]) -> None:
        try:
            batch.resolve(await self._send(batch.request))
        except Exception as error:  # noqa: BLE001  each future gets it
            single = list(batch.split(error))
            for each in single:
                await self._store(each)
            if not single:
                batch.fail(error)
