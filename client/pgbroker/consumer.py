"""A consumer: leases messages, lets a handler work on several at once in threads, and settles them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Unpack

from pgbroker.async_broker import AsyncBroker
from pgbroker.async_consumer import CONCURRENCY, AsyncConsumer, Options
from pgbroker.types import LeasedMessage

Handler = Callable[[LeasedMessage[Any]], object]


class Consumer:
    """Keeps up to `concurrency` messages of a topic at work, in threads, until it is stopped: see Broker.consumer."""

    def __init__(
        self,
        connect: Callable[[], AsyncBroker],
        topic: str,
        handler: Handler,
        content: Any = Any,
        **options: Unpack[Options],
    ) -> None:
        self._connect = connect
        self._topic = topic
        self._handler = handler
        self._content = content
        self._options = options
        self._stopped = False
        self._running: tuple[asyncio.AbstractEventLoop, AsyncConsumer] | None = None

    def run(self) -> None:
        """Run until `stop`, SIGTERM or SIGINT; then finish and settle what is at work. See AsyncConsumer.run."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """Lease no more messages: `run` returns when those at work are settled. Any thread may call it."""
        self._stopped = True
        if self._running:
            loop, consumer = self._running
            loop.call_soon_threadsafe(consumer.stop)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(
            self._options.get("concurrency", CONCURRENCY), f"pgbroker consumer of {self._topic}"
        ) as threads:

            async def work(message: LeasedMessage[Any]) -> None:
                await loop.run_in_executor(threads, self._handler, message)

            async with self._connect() as broker:
                consumer = AsyncConsumer(broker, self._topic, work, self._content, **self._options)
                self._running = loop, consumer
                try:
                    if not self._stopped:
                        await consumer.run()
                finally:
                    self._running = None
