"""The client of the broker's HTTP API, for asyncio."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

import httpx2

from pgbroker import verbs
from pgbroker.async_consumer import AsyncConsumer, Options
from pgbroker.async_publisher import AsyncPublisher
from pgbroker.buffer import ENOUGH, LINGER_SECONDS
from pgbroker.connection import DEADLINE_SECONDS, connection, not_reached
from pgbroker.errors import BrokerError
from pgbroker.methods import Verbs
from pgbroker.request import Request, read_answer
from pgbroker.retries import Tries
from pgbroker.types import DeadLetter, HistoryMessage, LeasedMessage, Message, Page, TracedMessage, WaitingMessage
from pgbroker.verbs import documented, noting

P = ParamSpec("P")
Result = TypeVar("Result")
Item = TypeVar("Item")
Content = TypeVar("Content")


class AsyncBroker(Verbs):
    """A broker at `url`, as Broker is one, for asyncio: its methods are awaited, and it belongs to one event loop."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        **http: Any,
    ) -> None:
        self._connection = connection(url, token)
        self._deadline_seconds = deadline_seconds
        self._http = httpx2.AsyncClient(**self._connection.settings, **http)

    @property
    def url(self) -> str:
        """The address of the broker, without a slash at its end."""
        return self._connection.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, request: Request[Result], *, deadline_seconds: float | None = None) -> Result:
        """Send a request until it succeeds, is refused, or the deadline comes; return its result.

        The deadline is by default that of the broker; with 0 the request is sent once.
        """
        tries = Tries(self._deadline_seconds if deadline_seconds is None else deadline_seconds)
        while True:
            try:
                return await self._try(request, tries.seconds_left)
            except BrokerError as error:
                await asyncio.sleep(tries.pause(error))

    async def _try(self, request: Request[Result], seconds_left: float) -> Result:
        try:
            response = await self._http.request(
                request.method, self.url + request.path, **self._connection.options(request, seconds_left)
            )
        except httpx2.RequestError as error:
            raise not_reached(request, self.url, error) from error
        return read_answer(request, response.status_code, response.headers, response.content)

    @overload
    async def consume(self, topic: str, **options: Unpack[verbs.Consume]) -> list[LeasedMessage[Any]]: ...
    @overload
    async def consume(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.Consume]
    ) -> list[LeasedMessage[Content]]: ...
    @documented(verbs.consume)
    async def consume(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.Consume]
    ) -> list[LeasedMessage[Any]]:
        return (await self.send(verbs.consume(topic, type, **options))).messages

    @overload
    async def browse_messages(self, topic: str, **options: Unpack[verbs.Browse]) -> Page[WaitingMessage[Any]]: ...
    @overload
    async def browse_messages(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.Browse]
    ) -> Page[WaitingMessage[Content]]: ...
    @documented(verbs.browse_messages)
    async def browse_messages(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.Browse]
    ) -> Page[WaitingMessage[Any]]:
        return await self.send(verbs.browse_messages(topic, type, **options))

    @overload
    async def list_history(self, topic: str, **options: Unpack[verbs.ListHistory]) -> Page[HistoryMessage[Any]]: ...
    @overload
    async def list_history(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.ListHistory]
    ) -> Page[HistoryMessage[Content]]: ...
    @documented(verbs.list_history)
    async def list_history(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.ListHistory]
    ) -> Page[HistoryMessage[Any]]:
        return await self.send(verbs.list_history(topic, type, **options))

    @overload
    async def list_dead_letters(
        self, topic: str, **options: Unpack[verbs.ListDeadLetters]
    ) -> Page[DeadLetter[Any]]: ...
    @overload
    async def list_dead_letters(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.ListDeadLetters]
    ) -> Page[DeadLetter[Content]]: ...
    @documented(verbs.list_dead_letters)
    async def list_dead_letters(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.ListDeadLetters]
    ) -> Page[DeadLetter[Any]]:
        return await self.send(verbs.list_dead_letters(topic, type, **options))

    @overload
    async def trace_message(self, topic: str, message_id: str) -> TracedMessage[Any]: ...
    @overload
    async def trace_message(self, topic: str, message_id: str, *, type: type[Content]) -> TracedMessage[Content]: ...
    @documented(verbs.trace_message)
    async def trace_message(self, topic: str, message_id: str, *, type: Any = Any) -> TracedMessage[Any]:
        return await self.send(verbs.trace_message(topic, message_id, type))

    async def publish_many(
        self, topic: str, messages: Iterable[Message | Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[str]:
        """Store any number of messages, and return their ids: see Broker.publish_many."""
        ids: list[str] = []
        with noting(ids):
            for request in verbs.publish_many(topic, messages, idempotency_key=idempotency_key):
                stored = await self.send(request)
                ids += stored
        return ids

    def publisher(self, topic: str, *, linger_seconds: float = LINGER_SECONDS, enough: int = ENOUGH) -> AsyncPublisher:
        """Return a publisher that stores messages together: a request for what came in 20 ms, or for 100 messages."""
        return AsyncPublisher(self.send, topic, linger_seconds=linger_seconds, enough=enough)

    @overload
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Any]], Awaitable[object]],
        **options: Unpack[Options],
    ) -> AsyncConsumer: ...
    @overload
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Content]], Awaitable[object]],
        *,
        type: type[Content],
        **options: Unpack[Options],
    ) -> AsyncConsumer: ...
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Any]], Any],
        *,
        type: Any = Any,
        **options: Unpack[Options],
    ) -> AsyncConsumer:
        """Return a consumer: `run` it to let `handler` work on messages, up to `concurrency` at once.

        A message whose handler returns is acknowledged. The handler may raise Retry(after=60), and Reject("why") for a
        dead letter; after any other exception the message comes again, later each time, until its receives are
        exhausted. Leases are extended while the handler works, so `lease_seconds` is how soon another consumer gets a
        message after a crash. Content that is not of the `type` is rejected. A stop waits for the request under way,
        which is up to `wait_seconds` long.
        """
        return AsyncConsumer(self, topic, handler, type, **options)

    async def iterate(
        self, pages: Callable[P, Awaitable[Page[Item]]], *args: P.args, **options: P.kwargs
    ) -> AsyncIterator[Item]:
        """Yield the items of all pages of a list: `broker.iterate(broker.list_topics, limit=1000)`."""
        while True:
            page = await pages(*args, **options)
            for item in page.items:
                yield item
            if page.next is None:
                return
            options["after"] = page.next
