"""Messages that wait to be sent together, each with the future of its id; no I/O."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from pgbroker.errors import InvalidInput, TooLarge
from pgbroker.request import Request
from pgbroker.verbs import parts, publish_encoded

LINGER_SECONDS = 0.02
ENOUGH = 100  # messages: a request of so many costs little more than a request of one


class Promise(Protocol):
    """What the futures of asyncio and of threads have in common."""

    def done(self) -> bool: ...
    def set_result(self, result: str, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


Future = TypeVar("Future", bound=Promise)


class Batch(Generic[Future]):
    """Messages of one request, in the order in which they were given."""

    def __init__(self, topic: str, waiting: list[tuple[bytes, Future]]) -> None:
        self._topic = topic
        self._waiting = waiting

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def request(self) -> Request[list[str]]:
        """The request that stores them, with an idempotency key of its own."""
        return publish_encoded(self._topic, [message for message, _ in self._waiting])

    def resolve(self, ids: list[str]) -> None:
        """Give each message its id."""
        for (_, future), message_id in zip(self._waiting, ids, strict=True):
            if not future.done():
                future.set_result(message_id)

    def fail(self, error: Exception) -> None:
        """Give each message the error."""
        for _, future in self._waiting:
            if not future.done():
                future.set_exception(error)

    def split(self, error: Exception) -> Iterator["Batch[Future]"]:
        """Yield a batch for each message, when the error may be the fault of one of several: the others are good."""
        if len(self) > 1 and isinstance(error, InvalidInput | TooLarge):
            for each in self._waiting:
                yield Batch(self._topic, [each])


class Buffer(Generic[Future]):
    """The messages that wait."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._waiting: deque[tuple[bytes, Future]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: bytes, future: Future) -> None:
        self._waiting.append((message, future))

    def take(self) -> Batch[Future]:
        """Take as many as one request holds."""
        nothing: list[bytes] = []
        fitting = next(parts(message for message, _ in self._waiting), nothing)
        return Batch(self._topic, [self._waiting.popleft() for _ in fitting])
