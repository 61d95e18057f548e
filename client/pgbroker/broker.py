"""The client of the broker's HTTP API."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, Unpack, overload

import httpx2

from pgbroker import verbs
from pgbroker.async_broker import AsyncBroker
from pgbroker.async_consumer import Options
from pgbroker.buffer import ENOUGH, LINGER_SECONDS
from pgbroker.connection import DEADLINE_SECONDS, connection, not_reached
from pgbroker.consumer import Consumer
from pgbroker.errors import BrokerError
from pgbroker.methods import Verbs
from pgbroker.publisher import Publisher
from pgbroker.request import Request, read_answer
from pgbroker.retries import Tries
from pgbroker.types import DeadLetter, HistoryMessage, LeasedMessage, Message, Page, TracedMessage, WaitingMessage
from pgbroker.verbs import documented, noting

P = ParamSpec("P")
Result = TypeVar("Result")
Item = TypeVar("Item")
Content = TypeVar("Content")


class Broker(Verbs):
    """A broker at `url` (by default $BROKER, or the local one), with `token` (by default $TOKEN).

    It keeps connections open: use one for the life of your program, from any number of threads, and close it, or use it
    in a `with`. A process that was forked needs one of its own.

    A request that got no answer, or that the broker cannot serve now, is sent again for up to `deadline_seconds` in
    all. Raises a Problem for what the broker refuses, NotReached, or UnexpectedAnswer. `http` goes to httpx2.Client:
    `proxy`, `verify`, `cert`, `transport`, ….
    """

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
        self._http = httpx2.Client(**self._connection.settings, **http)
        self._twin = partial(AsyncBroker, url, token, deadline_seconds=deadline_seconds, **http)

    @property
    def url(self) -> str:
        """The address of the broker, without a slash at its end."""
        return self._connection.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(self, request: Request[Result], *, deadline_seconds: float | None = None) -> Result:
        """Send a request until it succeeds, is refused, or the deadline comes; return its result.

        The deadline is by default that of the broker; with 0 the request is sent once.
        """
        tries = Tries(self._deadline_seconds if deadline_seconds is None else deadline_seconds)
        while True:
            try:
                return self._try(request, tries.seconds_left)
            except BrokerError as error:
                time.sleep(tries.pause(error))

    def _try(self, request: Request[Result], seconds_left: float) -> Result:
        try:
            response = self._http.request(
                request.method, self.url + request.path, **self._connection.options(request, seconds_left)
            )
        except httpx2.RequestError as error:
            raise not_reached(request, self.url, error) from error
        return read_answer(request, response.status_code, response.headers, response.content)

    @overload
    def consume(self, topic: str, **options: Unpack[verbs.Consume]) -> list[LeasedMessage[Any]]: ...
    @overload
    def consume(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.Consume]
    ) -> list[LeasedMessage[Content]]: ...
    @documented(verbs.consume)
    def consume(self, topic: str, *, type: Any = Any, **options: Unpack[verbs.Consume]) -> list[LeasedMessage[Any]]:
        return self.send(verbs.consume(topic, type, **options)).messages

    @overload
    def browse_messages(self, topic: str, **options: Unpack[verbs.Browse]) -> Page[WaitingMessage[Any]]: ...
    @overload
    def browse_messages(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.Browse]
    ) -> Page[WaitingMessage[Content]]: ...
    @documented(verbs.browse_messages)
    def browse_messages(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.Browse]
    ) -> Page[WaitingMessage[Any]]:
        return self.send(verbs.browse_messages(topic, type, **options))

    @overload
    def list_history(self, topic: str, **options: Unpack[verbs.ListHistory]) -> Page[HistoryMessage[Any]]: ...
    @overload
    def list_history(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.ListHistory]
    ) -> Page[HistoryMessage[Content]]: ...
    @documented(verbs.list_history)
    def list_history(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.ListHistory]
    ) -> Page[HistoryMessage[Any]]:
        return self.send(verbs.list_history(topic, type, **options))

    @overload
    def list_dead_letters(self, topic: str, **options: Unpack[verbs.ListDeadLetters]) -> Page[DeadLetter[Any]]: ...
    @overload
    def list_dead_letters(
        self, topic: str, *, type: type[Content], **options: Unpack[verbs.ListDeadLetters]
    ) -> Page[DeadLetter[Content]]: ...
    @documented(verbs.list_dead_letters)
    def list_dead_letters(
        self, topic: str, *, type: Any = Any, **options: Unpack[verbs.ListDeadLetters]
    ) -> Page[DeadLetter[Any]]:
        return self.send(verbs.list_dead_letters(topic, type, **options))

    @overload
    def trace_message(self, topic: str, message_id: str) -> TracedMessage[Any]: ...
    @overload
    def trace_message(self, topic: str, message_id: str, *, type: type[Content]) -> TracedMessage[Content]: ...
    @documented(verbs.trace_message)
    def trace_message(self, topic: str, message_id: str, *, type: Any = Any) -> TracedMessage[Any]:
        return self.send(verbs.trace_message(topic, message_id, type))

    def publish_many(
        self, topic: str, messages: Iterable[Message | Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[str]:
        """Store any number of messages, and return their ids. Up to 1,000, of 4 MiB in all, are stored all or none.

        More go out in several requests. When one of these fails after another has succeeded, PublishedInPart has the
        ids that are stored; with the same `idempotency_key` it is safe to repeat the call.
        """
        ids: list[str] = []
        with noting(ids):
            for request in verbs.publish_many(topic, messages, idempotency_key=idempotency_key):
                stored = self.send(request)
                ids += stored
        return ids

    def publisher(self, topic: str, *, linger_seconds: float = LINGER_SECONDS, enough: int = ENOUGH) -> Publisher:
        """Return a publisher that stores messages together: a request for what came in 20 ms, or for 100 messages."""
        return Publisher(self.send, topic, linger_seconds=linger_seconds, enough=enough)

    @overload
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Any]], object],
        **options: Unpack[Options],
    ) -> Consumer: ...
    @overload
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Content]], object],
        *,
        type: type[Content],
        **options: Unpack[Options],
    ) -> Consumer: ...
    def consumer(
        self,
        topic: str,
        handler: Callable[[LeasedMessage[Any]], Any],
        *,
        type: Any = Any,
        **options: Unpack[Options],
    ) -> Consumer:
        """Return a consumer: `run` it to let `handler` work on messages, up to `concurrency` at once, in threads.

        A message whose handler returns is acknowledged. The handler may raise Retry(after=60), and Reject("why") for a
        dead letter; after any other exception the message comes again, later each time, until its receives are
        exhausted. Leases are extended while the handler works, so `lease_seconds` is how soon another consumer gets a
        message after a crash. Content that is not of the `type` is rejected. A stop waits for the request under way,
        which is up to `wait_seconds` long.
        """
        return Consumer(self._twin, topic, handler, type, **options)

    def iterate(self, pages: Callable[P, Page[Item]], *args: P.args, **options: P.kwargs) -> Iterator[Item]:
        """Yield the items of all pages of a list: `broker.iterate(broker.list_topics, limit=1000)`."""
        while True:
            page = pages(*args, **options)
            yield from page.items
            if page.next is None:
                return
            options["after"] = page.next
