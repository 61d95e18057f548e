"""A consumer for asyncio: leases messages, lets a handler work on several at once, and settles them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypedDict

import msgspec

from pgbroker import verbs
from pgbroker.errors import BrokerError, ContentMismatch, NotFound, Problem, UnexpectedAnswer
from pgbroker.outcomes import Reject, Retry
from pgbroker.retries import is_temporary
from pgbroker.settling import Sender, Settling
from pgbroker.stopping import finish, rest, stopped_by_signals
from pgbroker.types import LeasedMessage

Handler = Callable[[LeasedMessage[Any]], Awaitable[object]]

CONCURRENCY = 16
LEASE_SECONDS = 30
WAIT_SECONDS = 5  # a stop waits as long at most; containers have 10 s to stop
STOP_SECONDS = 5.0  # beyond that, for a broker that does not answer
LINGER_SECONDS = 0.005
QUICK_SECONDS = 0.02  # for all messages of a lease
MAX_LEASED = 100
PAUSE_SECONDS = 5.0  # while the topic does not exist, or after an error that may end
MAX_DELAY_SECONDS = 900
MAX_REASON = 1_000  # characters

log = logging.getLogger("pgbroker")


class Options(TypedDict, total=False):
    """The options of a consumer, with 16 messages, 30 and 5 s by default."""

    concurrency: int
    lease_seconds: int
    wait_seconds: int


class AsyncConsumer:
    """Keeps up to `concurrency` messages of a topic at work until it is stopped: see AsyncBroker.consumer."""

    def __init__(
        self,
        broker: Sender,
        topic: str,
        handler: Handler,
        content: Any = Any,
        *,
        concurrency: int = CONCURRENCY,
        lease_seconds: int = LEASE_SECONDS,
        wait_seconds: int = WAIT_SECONDS,
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._handler = handler
        self._content = content
        self._concurrency = concurrency
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._settling = Settling(broker, topic, lease_seconds)
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(concurrency)
        self._size = concurrency  # of a lease when nothing is at work
        self._begun_at = 0.0
        self._room = asyncio.Event()
        self._all_room = asyncio.Event()
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Lease no more messages: `run` returns when those at work are settled."""
        self._stopped.set()

    async def run(self) -> None:
        """Run until `stop`, SIGTERM or SIGINT; then finish and settle what is at work.

        Raises what the broker refuses for good, such as Unauthorized, after that. While the broker cannot be reached,
        or the topic does not exist yet, it tries again.
        """
        extending = asyncio.create_task(self._settling.keep_extending())
        with stopped_by_signals(self.stop):
            try:
                while not self._stopped.is_set():
                    await self._wait_for_room()
                    leased = await self._lease()
                    self._begun_at = time.monotonic()
                    for message in leased:
                        self._begin(message)
            finally:
                while self._tasks:
                    await asyncio.wait(self._tasks)
                extending.cancel()
                await self._settling.finish()

    async def _lease(self) -> list[LeasedMessage[Any]]:
        """Lease as many as there is room for. Empty when none came, or the broker could not be asked.

        What comes after a stop is released.
        """
        if self._stopped.is_set():
            return []
        room = self._concurrency - len(self._tasks) if self._tasks else self._size
        try:
            leased = await finish(self._ask(room), self._stopped, self._wait_seconds + STOP_SECONDS)
        except TimeoutError:
            return []
        if self._stopped.is_set():
            for message in leased:
                self._settling.release(message, 0)
            return []
        return leased

    async def _ask(self, room: int) -> list[LeasedMessage[Any]]:
        request = verbs.consume(
            self._topic, self._content, max=room, lease_seconds=self._lease_seconds, wait_seconds=self._wait_seconds
        )
        try:
            leased = (await self._broker.send(request, deadline_seconds=0)).messages
        except ContentMismatch as error:
            leased = [message for each in error.answer.messages for message in self._fitting(each)]
        except BrokerError as error:
            if isinstance(error, NotFound):
                log.info("there is no topic %s yet", self._topic)
            elif is_temporary(error) or isinstance(error, UnexpectedAnswer):
                log.warning("could not lease messages of %s: %s", self._topic, error)
            else:
                raise
            asked = error.retry_after if isinstance(error, Problem) else None
            await rest(self._stopped, PAUSE_SECONDS if asked is None else asked)
            leased = []
        return leased

    async def _wait_for_room(self) -> None:
        """Wait for room for one message, and then a moment for room for all: quick handlers share requests.

        When the handlers finish all of a lease at once, the next lease is twice as large: what they do not begin within
        milliseconds is not kept from other consumers.
        """
        while len(self._tasks) >= self._concurrency:
            self._room.clear()
            await self._room.wait()
        if self._tasks:
            self._all_room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_room.wait(), LINGER_SECONDS)
        is_quick = not self._tasks and time.monotonic() - self._begun_at < QUICK_SECONDS
        self._size = min(2 * self._size, max(self._concurrency, MAX_LEASED)) if is_quick else self._concurrency

    def _fitting(self, message: LeasedMessage[Any]) -> list[LeasedMessage[Any]]:
        """Return the message with content of the type; or reject it, and return nothing."""
        try:
            return [msgspec.structs.replace(message, content=msgspec.convert(message.content, self._content))]
        except msgspec.ValidationError as error:
            log.error("message %s of %s was rejected: %s", message.id, self._topic, error)  # noqa: TRY400  no trace
            self._settling.reject(message, f"content: {error}"[:MAX_REASON])
            return []

    def _begin(self, message: LeasedMessage[Any]) -> None:
        self._settling.hold(message)
        task = asyncio.create_task(self._handle(message))
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.set()
        if not self._tasks:
            self._all_room.set()
            self._settling.hurry()

    async def _handle(self, message: LeasedMessage[Any]) -> None:
        async with self._slots:
            if self._stopped.is_set():
                self._settling.release(message, 0)
            else:
                await self._call(message)

    async def _call(self, message: LeasedMessage[Any]) -> None:
        try:
            await self._handler(message)
        except Retry as retry:
            self._settling.release(message, retry.after)
        except Reject as rejected:
            self._settling.reject(message, rejected.reason)
        except Exception:
            delay = min(2**message.receives, MAX_DELAY_SECONDS)
            log.exception("the handler failed with message %s of %s; again after %d s", message.id, self._topic, delay)
            self._settling.release(message, delay)
        except asyncio.CancelledError:  # the handler's own: nothing cancels the tasks
            self._settling.release(message, 0)
        else:
            self._settling.ack(message)
