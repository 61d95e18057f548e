"""Publishers gather messages: as few requests as possible, in order, and no message is lost unnoticed."""

import asyncio
import threading
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgbroker import AsyncBroker, Broker, Forbidden, TooLarge
from pgbroker.publisher import MAX_WAITING, Publisher
from pgbroker.request import Request
from pgbroker.testing import MemoryBroker
from pgbroker.verbs import parts
from tests.support.endpoints import Endpoint
from tests.support.runner import PATIENCE_SECONDS

NEVER = 3600.0  # seconds until a publisher sends what is less than enough


class Sent:
    """Counts what is sent, and stores it in memory."""

    def __init__(self) -> None:
        self.broker = MemoryBroker().broker()
        self.sizes: list[int] = []
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, request: Request[list[str]]) -> list[str]:
        self.may_go.wait()
        self.sizes.append(len(msgspec.json.decode(request.body or b"")["messages"]))
        return self.broker.send(request)

    def contents(self) -> list[Any]:
        return [message.content for message in self.broker.browse_messages("orders").items]


@pytest.fixture
def sent() -> Sent:
    return Sent()


def test_a_hundred_messages_are_one_request(sent: Sent) -> None:
    with Publisher(sent, "orders", linger_seconds=NEVER) as publisher:
        futures = [publisher.publish(n) for n in range(100)]
        ids = [future.result() for future in futures]
    assert sent.sizes == [100]
    assert ids == sorted(ids)
    assert sent.contents() == list(range(100))


def test_fewer_messages_go_after_a_moment(sent: Sent) -> None:
    with Publisher(sent, "orders", linger_seconds=0.001) as publisher:
        publisher.publish(1, key="k").result()
    assert sent.contents() == [1]


def test_what_is_published_while_a_request_is_under_way_goes_with_the_next(sent: Sent) -> None:
    sent.may_go.clear()
    with Publisher(sent, "orders", linger_seconds=NEVER, enough=2) as publisher:
        first = [publisher.publish(n) for n in range(2)]
        while publisher._buffer:
            pass
        others = [publisher.publish(n) for n in range(2, 1500)]
        sent.may_go.set()
        ids = [future.result() for future in first + others]
    assert sent.sizes == [2, 1000, 498]
    assert ids == sorted(ids)


def test_closing_stores_what_waits_and_ends(sent: Sent) -> None:
    publisher = Publisher(sent, "orders", linger_seconds=NEVER)
    publisher.publish(1)
    publisher.close()
    assert sent.contents() == [1]
    with pytest.raises(ValueError, match="closed"):
        publisher.publish(2)
    publisher.close()


def test_flushing_stores_what_waits(sent: Sent) -> None:
    with Publisher(sent, "orders", linger_seconds=NEVER) as publisher:
        for n in range(3):
            publisher.publish(n)
            publisher.flush()
    assert sent.sizes == [1, 1, 1]


def test_a_publisher_waits_while_too_many_messages_wait(sent: Sent) -> None:
    sent.may_go.clear()
    with Publisher(sent, "orders", linger_seconds=NEVER) as publisher:
        for n in range(MAX_WAITING):
            publisher.publish(n)
        late = threading.Thread(target=publisher.publish, args=["late"])
        more = [threading.Thread(target=publisher.publish, args=[n]) for n in range(1000)]
        for each in [late, *more]:
            each.start()
        assert len(publisher._buffer) <= MAX_WAITING
        sent.may_go.set()
        for each in [late, *more]:
            each.join()
    assert sum(sent.sizes) == MAX_WAITING + 1001


def test_only_the_message_at_fault_is_refused(real_broker: Broker, topic: str) -> None:
    with real_broker.publisher(topic, linger_seconds=NEVER) as publisher:
        futures = [publisher.publish(content) for content in ("a", "x" * 300_000, "b")]
        with pytest.raises(TooLarge):
            publisher.flush()
        publisher.publish("c")
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert [message.content for message in real_broker.browse_messages(topic).items] == ["a", "b", "c"]


def test_an_error_nobody_looks_at_is_raised_at_the_end(endpoint: Endpoint) -> None:
    endpoint.answer(403, body=b'{"detail": "revoked"}')
    with (
        Broker(endpoint.url, "brk_x") as broker,
        pytest.raises(Forbidden, match="revoked"),
        broker.publisher("orders") as publisher,
    ):
        publisher.publish(1)


def test_a_publisher_of_a_closed_broker_says_so(endpoint: Endpoint) -> None:
    broker = Broker(endpoint.url, "brk_x")
    publisher = broker.publisher("orders", linger_seconds=NEVER)
    future = publisher.publish(1)
    broker.close()
    with pytest.raises(RuntimeError, match="closed"):
        publisher.close()
    assert isinstance(future.exception(), RuntimeError)


def test_a_publisher_of_a_closed_broker_for_asyncio_says_so(endpoint: Endpoint) -> None:
    async def publish() -> None:
        broker = AsyncBroker(endpoint.url, "brk_x")
        await broker.close()
        async with broker.publisher("orders") as publisher:
            await publisher.publish(1)

    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(asyncio.wait_for(publish(), PATIENCE_SECONDS))


def test_tasks_that_publish_at_once_share_a_request(topic: str) -> None:
    sizes: list[int] = []

    async def publish() -> list[str]:
        async with MemoryBroker().async_broker() as broker:
            send = broker.send

            async def counted(request: Request[list[str]]) -> list[str]:
                sizes.append(len(msgspec.json.decode(request.body or b"")["messages"]))
                return await send(request)

            broker.send = counted  # type: ignore[method-assign,assignment]
            async with broker.publisher(topic) as publisher:
                return await asyncio.gather(*(publisher.publish(n) for n in range(250)))

    ids = asyncio.run(publish())
    assert sizes == [250]  # the hundredth starts a request when all have been given
    assert ids == sorted(ids)
    assert len(set(ids)) == 250


@pytest.fixture
def refusing(endpoint: Endpoint) -> Endpoint:
    endpoint.answer(413, body=b'{"type": "urn:pgbroker:problem:too-large", "detail": "it is"}')
    return endpoint


def test_each_task_gets_the_error_of_its_message(refusing: Endpoint) -> None:
    async def publish() -> list[Any]:
        async with AsyncBroker(refusing.url, "brk_x") as broker, broker.publisher("orders") as publisher:
            return await asyncio.gather(*(publisher.publish(n) for n in range(3)), return_exceptions=True)

    assert [type(each) for each in asyncio.run(publish())] == [TooLarge] * 3
    assert len(refusing.requests) == 4  # together, and then each by itself


@given(st.lists(st.integers(1, 300_000), max_size=60), st.integers(0, 1500))
def test_parts_are_within_the_limits_and_complete(sizes: list[int], small: int) -> None:
    messages = [b"x" * size for size in sizes] + [b"1"] * small
    found = list(parts(messages))
    assert [message for part in found for message in part] == messages
    for part in found:
        assert 1 <= len(part) <= 1000
        assert len(b'{"messages":[' + b",".join(part) + b"]}") <= 4 * 1024 * 1024
    for part, following in pairwise(found):
        assert len(part) == 1000 or sum(map(len, part)) + len(part) + len(following[0]) + 16 > 4 * 1024 * 1024
