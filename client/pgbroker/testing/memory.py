"""A broker in memory, for tests of your program: five verbs, no process, no network."""

import asyncio
import threading
import time
from itertools import count
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import httpx2
import msgspec
from msgspec import Struct

from pgbroker.async_broker import AsyncBroker
from pgbroker.broker import Broker
from pgbroker.errors import IdempotencyKeyReused, InvalidInput, NotFound, Problem, StaleReceipt
from pgbroker.request import encode
from pgbroker.testing.queue import Consume, Queue, Settle, is_receipt
from pgbroker.types import Message

POLL_SECONDS = 0.005
URL = "http://memory.invalid"


class _Batch(Struct, forbid_unknown_fields=True):
    messages: list[Message]


class _Answer(Struct):
    status: int
    body: Any = None


class MemoryBroker(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """A broker that knows publish, browse, consume, settle and ack. Any other request raises NotImplementedError.

    `broker()` and `async_broker()` are clients of it; several may share it. Leases last as long as in the broker, but
    `advance` lets them end at once. Bounds of values are not checked: a real broker does that.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._queues: dict[str, Queue] = {}
        self._keys: dict[tuple[str, str], tuple[bytes, _Answer]] = {}
        self._ahead_seconds = 0.0
        self._numbers = count(1)

    def broker(self) -> Broker:
        """Return a client of it."""
        return Broker(URL, "", deadline_seconds=0, transport=self)

    def async_broker(self) -> AsyncBroker:
        """Return a client of it for asyncio."""
        return AsyncBroker(URL, "", deadline_seconds=0, transport=self)

    def advance(self, seconds: float) -> None:
        """Move its clock ahead, so that leases and delays end."""
        with self._lock:
            self._ahead_seconds += seconds

    def dead_letters(self, topic: str) -> dict[str, str]:
        """Return why each dead letter of a topic died, by the message's id."""
        with self._lock:
            return self._queues[topic].dead() if topic in self._queues else {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of the client. A consume waits for messages as long as it says."""
        request.read()
        answer, ends_at = self._answer(request), _patience(request)
        while _is_empty(answer) and time.monotonic() < ends_at:
            time.sleep(POLL_SECONDS)
            answer = self._answer(request)
        return _response(answer)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of the client. A consume waits for messages as long as it says."""
        await request.aread()
        answer, ends_at = self._answer(request), _patience(request)
        while _is_empty(answer) and time.monotonic() < ends_at:
            await asyncio.sleep(POLL_SECONDS)
            answer = self._answer(request)
        return _response(answer)

    def close(self) -> None:
        """Keep the messages: other clients may use them."""

    async def aclose(self) -> None:
        """Keep the messages: other clients may use them."""

    def _answer(self, request: httpx2.Request) -> _Answer:  # noqa: PLR0911  one for each verb
        path = [unquote(part) for part in request.url.raw_path.decode().partition("?")[0].split("/")[1:]]
        try:
            with self._lock:
                match request.method, path:
                    case "POST", ["topics", topic, "messages"]:
                        return self._publish(topic, request)
                    case "GET", ["topics", topic, "messages"]:
                        return _Answer(200, {"items": list(self._queue(topic).waiting()), "next": None})
                    case "POST", ["topics", topic, "consume"]:
                        return self._consume(topic, request)
                    case "POST", ["topics", topic, "settle"]:
                        return self._settle(topic, request)
                    case "DELETE", ["topics", topic, "leases", receipt]:
                        return self._ack(topic, receipt)
                    case _:
                        asked = f"{request.method} {request.url.path}"
                        raise NotImplementedError(f"the broker in memory does not know {asked}")
        except msgspec.ValidationError as error:
            return _problem(InvalidInput(400, "", f"the body is not valid: {error}"))
        except Problem as problem:
            return _problem(problem)

    def _publish(self, topic: str, request: httpx2.Request) -> _Answer:
        key = (topic, request.headers["idempotency-key"])
        if key in self._keys:
            body, answer = self._keys[key]
            if body != request.content:
                raise IdempotencyKeyReused(422, "", "the idempotency key was used with another body")
            return answer
        queue = self._queues.setdefault(topic, Queue(self._clock, self._new_id))
        if request.content.startswith(b'{"messages":'):
            messages = msgspec.json.decode(request.content, type=_Batch).messages
            answer = _Answer(201, {"ids": [queue.publish(message) for message in messages]})
        else:
            answer = _Answer(201, {"id": queue.publish(msgspec.json.decode(request.content, type=Message))})
        self._keys[key] = request.content, answer
        return answer

    def _consume(self, topic: str, request: httpx2.Request) -> _Answer:
        options = msgspec.json.decode(request.content, type=Consume)
        return _Answer(200, {"messages": self._queue(topic).consume(options)})

    def _settle(self, topic: str, request: httpx2.Request) -> _Answer:
        given = msgspec.json.decode(request.content, type=Settle)
        return _Answer(200, self._queue(topic).settle(given))

    def _ack(self, topic: str, receipt: str) -> _Answer:
        if not is_receipt(receipt):
            raise InvalidInput(400, "", f"{receipt!r} is not a receipt")
        if self._queue(topic).settle(Settle(ack=[receipt])).stale:
            raise StaleReceipt(409, "", "The receipt is stale: another consumer has leased the message since")
        return _Answer(204)

    def _queue(self, topic: str) -> Queue:
        if topic not in self._queues:
            raise NotFound(404, "", f'there is no topic "{topic}"')
        return self._queues[topic]

    def _clock(self) -> float:
        return time.time() + self._ahead_seconds

    def _new_id(self, now: float) -> str:
        """Return a UUIDv7 (RFC 9562): ids are in the order in which they were made."""
        return str(UUID(int=int(now * 1000) << 80 | 7 << 76 | 2 << 62 | next(self._numbers)))


def _patience(request: httpx2.Request) -> float:
    """Return until when a consume waits; other requests do not wait."""
    if not request.url.path.endswith("/consume"):
        return 0
    return time.monotonic() + msgspec.json.decode(request.content, type=Consume).wait_seconds


def _is_empty(answer: _Answer) -> bool:
    return bool(answer.body == {"messages": []})


def _problem(problem: Problem) -> _Answer:
    return _Answer(problem.status, {"type": problem.type, "title": problem.title, "detail": problem.detail})


def _response(answer: _Answer) -> httpx2.Response:
    return httpx2.Response(answer.status, content=b"" if answer.body is None else encode(answer.body))
