"""Consumers: work on several messages at once, say what becomes of each, and stop cleanly."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from pgbroker import Broker, Forbidden, LeasedMessage, Message, Reject, Retry, Unauthorized
from pgbroker.testing import MemoryBroker
from tests.support.endpoints import Endpoint
from tests.support.runner import PATIENCE_SECONDS, ROOT

TOPIC = "orders"


class Order(Struct):
    order: int


@pytest.fixture
def memory() -> MemoryBroker:
    return MemoryBroker()


def consume(
    broker: Broker, handler: Callable[[LeasedMessage[Any]], object], messages: int, topic: str = TOPIC, **options: Any
) -> list[LeasedMessage[Any]]:
    """Run a consumer until the handler was called so often; return the messages in the order of the calls."""
    handled: list[LeasedMessage[Any]] = []
    lock = threading.Lock()

    def handle(message: LeasedMessage[Any]) -> object:
        with lock:
            handled.append(message)
            if len(handled) == messages:
                consumer.stop()
        return handler(message)

    consumer = broker.consumer(topic, handle, wait_seconds=0, **options)
    consumer.run()
    return handled


def test_what_the_handler_returns_from_is_acknowledged(memory: MemoryBroker) -> None:
    broker = memory.broker()
    ids = broker.publish_many(TOPIC, [Message(n) for n in range(100)])
    handled = consume(broker, lambda _: None, 100)
    assert sorted(message.id for message in handled) == ids
    assert broker.browse_messages(TOPIC).items == []


def test_a_real_broker_gives_each_message_once(real_broker: Broker, topic: str) -> None:
    ids = real_broker.publish_many(topic, [Message({"order": n}) for n in range(200)])
    handled = consume(real_broker, lambda _: None, 200, topic, type=Order)
    assert sorted(message.id for message in handled) == ids
    assert {message.content.order for message in handled} == set(range(200))
    assert real_broker.read_topic(topic).queue.waiting == 0


def test_the_handler_says_what_becomes_of_a_message(memory: MemoryBroker, caplog: pytest.LogCaptureFixture) -> None:
    broker = memory.broker()
    later, never, broken = broker.publish_many(TOPIC, [Message("later"), Message("never"), Message("broken")])

    def handler(message: LeasedMessage[str]) -> None:
        match message.content:
            case "later":
                raise Retry(after=600)
            case "never":
                raise Reject("no such order")
            case _:
                raise RuntimeError("out of paper")

    consume(broker, handler, 3)
    assert memory.dead_letters(TOPIC) == {never: "no such order"}
    waiting = {message.id: message.ready_at for message in broker.browse_messages(TOPIC).items}
    assert waiting.keys() == {later, broken}
    assert (waiting[later] - waiting[broken]).total_seconds() > 500
    assert "out of paper" in caplog.text
    assert "no such order" not in caplog.text


def test_a_failed_message_comes_again_later_each_time(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish(TOPIC, 1)

    def fail(_: LeasedMessage[Any]) -> None:
        raise RuntimeError

    delays = []
    for _ in range(3):
        memory.advance(1000)
        [message] = consume(broker, fail, 1)
        [waiting] = broker.browse_messages(TOPIC).items
        delays.append((waiting.ready_at - message.lease_expires_at).total_seconds() + 30)  # type: ignore[operator]
    assert [round(delay) for delay in delays] == [2, 4, 8]


def test_content_of_another_type_is_rejected_and_the_others_are_handled(memory: MemoryBroker) -> None:
    broker = memory.broker()
    _, wrong, _ = broker.publish_many(TOPIC, [Message({"order": 1}), Message("two"), Message({"order": 3})])
    handled = consume(broker, lambda _: None, 2, type=Order)
    assert sorted(message.content.order for message in handled) == [1, 3]
    assert memory.dead_letters(TOPIC) == {wrong: "content: Expected `object`, got `str`"}


def test_messages_that_a_slow_handler_does_not_begin_are_left_to_others(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish_many(TOPIC, [Message(n) for n in range(10)])
    ready: list[int] = []

    def handler(_: LeasedMessage[int]) -> None:
        ready.append(sum(message.leased_at is None for message in broker.browse_messages(TOPIC).items))

    consume(broker, handler, 1, concurrency=2)
    assert ready[0] == 8


def test_messages_that_were_leased_and_not_begun_are_released_at_a_stop(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish_many(TOPIC, [Message(n) for n in range(40)])
    leased = 0

    def handler(_: LeasedMessage[int]) -> None:
        nonlocal leased
        leased = sum(message.leased_at is not None for message in broker.browse_messages(TOPIC).items)

    consume(broker, handler, 8, concurrency=1)  # leases of 1, 2, 4 and 8, when all goes well
    items = broker.browse_messages(TOPIC).items
    assert len(items) == 32
    assert leased >= 1
    assert [message.leased_at for message in items] == [None] * 32


@pytest.mark.parametrize("concurrency", [1, 3])
def test_so_many_messages_are_at_work_at_once(memory: MemoryBroker, concurrency: int) -> None:
    broker = memory.broker()
    broker.publish_many(TOPIC, [Message(n) for n in range(3 * concurrency)])
    together = threading.Barrier(concurrency)
    consume(broker, lambda _: together.wait(PATIENCE_SECONDS), 3 * concurrency, concurrency=concurrency)
    assert broker.browse_messages(TOPIC).items == []


def test_a_lease_is_extended_while_its_message_is_at_work(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish(TOPIC, 1)
    [first] = consume(broker, lambda _: _wait_until(lambda: _is_extended(broker)), 1, lease_seconds=1)
    assert first.receives == 1
    assert broker.browse_messages(TOPIC).items == []


def _is_extended(broker: Broker) -> bool:
    [message] = broker.browse_messages(TOPIC).items
    assert message.leased_at is not None
    return (message.ready_at - message.leased_at).total_seconds() > 1.1


def _wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        pass


def test_a_stop_releases_what_a_request_under_way_brings(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish(TOPIC, "first")
    consumer = broker.consumer(TOPIC, lambda _: consumer.stop(), concurrency=2, wait_seconds=20)
    published: list[str] = []

    def publish_late() -> None:
        while broker.browse_messages(TOPIC).items:
            pass
        published.append(broker.publish(TOPIC, "late"))

    publisher = threading.Thread(target=publish_late)
    publisher.start()
    consumer.run()
    publisher.join()
    [late] = broker.browse_messages(TOPIC).items
    assert (late.id, late.leased_at) == (published[0], None)


def test_a_topic_that_does_not_exist_yet_is_waited_for(
    memory: MemoryBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pgbroker.async_consumer.PAUSE_SECONDS", 0.001)
    caplog.set_level("INFO", "pgbroker")
    broker = memory.broker()

    def publish_late() -> None:
        while "there is no topic orders yet" not in caplog.text:
            pass
        broker.publish(TOPIC, "late")

    publisher = threading.Thread(target=publish_late)
    publisher.start()
    [message] = consume(broker, lambda _: None, 1)
    publisher.join()
    assert message.content == "late"


def test_a_token_that_is_refused_ends_a_consumer_after_its_work_is_settled(real_broker: Broker, topic: str) -> None:
    real_broker.publish(topic, 1)
    token = real_broker.mint_token(topic, ["publish"])
    with Broker(real_broker.url, token.token) as broker, pytest.raises(Forbidden, match="scope consume"):
        broker.consumer(topic, lambda _: None).run()


def test_a_token_that_is_revoked_ends_a_consumer_after_its_work_is_settled(endpoint: Endpoint) -> None:
    message = {"id": "i", "receipt": "r", "content": 1, "sender": "s", "key": None, "attributes": None, "receives": 1}
    times = {"created_at": "2026-11-24T09:30:01Z", "lease_expires_at": "2026-11-24T09:31:04Z"}
    settled = {"acked": 1, "released": 0, "extended": 0, "rejected": 0, "gone": [], "stale": []}
    endpoint.answer(401, body=b'{"detail": "it was revoked"}')
    endpoint.answer(body=json.dumps({"messages": [message | times]}).encode(), path="/topics/orders/consume", times=1)
    endpoint.answer(body=json.dumps(settled).encode(), path="/topics/orders/settle")
    with Broker(endpoint.url, "brk_x") as broker, pytest.raises(Unauthorized, match="it was revoked"):
        broker.consumer(TOPIC, lambda _: None).run()
    assert [request.body for request in endpoint.requests if request.path.endswith("settle")] == [b'{"ack":["r"]}']


def test_a_consumer_goes_on_after_the_broker_was_away(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pgbroker.async_consumer.PAUSE_SECONDS", 0.001)
    endpoint.answer(200, body=b'{"messages": []}')
    endpoint.answer(503, {"retry-after": "0"}, b'{"detail": "it wakes up"}', times=3)
    endpoint.answer(502, body=b"<html>", times=1)
    endpoint.answer(200, body=b"<html>", times=1)
    with Broker(endpoint.url, "brk_x") as broker:
        consumer = broker.consumer(TOPIC, lambda _: None, wait_seconds=0)
        runs = threading.Thread(target=consumer.run)
        runs.start()
        endpoint.wait_for(7)
        consumer.stop()
        runs.join()
    assert caplog.text.count("it wakes up") == 3
    assert "not one of the broker" in caplog.text


def test_an_async_handler_works_on_messages_at_once(memory: MemoryBroker) -> None:
    async def run() -> None:
        async with memory.async_broker() as broker:
            await broker.publish_many(TOPIC, [Message(n) for n in range(40)])
            together, handled = asyncio.Barrier(4), 0

            async def handler(_: LeasedMessage[int]) -> None:
                nonlocal handled
                await together.wait()
                handled += 1
                if handled == 40:
                    consumer.stop()

            consumer = broker.consumer(TOPIC, handler, type=int, concurrency=4, wait_seconds=0)
            await consumer.run()
            assert (await broker.browse_messages(TOPIC)).items == []

    asyncio.run(run())


def test_a_handler_that_is_cancelled_gives_its_message_back(memory: MemoryBroker) -> None:
    async def run() -> None:
        async with memory.async_broker() as broker:
            await broker.publish(TOPIC, 1)
            receives = []

            async def handler(message: LeasedMessage[int]) -> None:
                receives.append(message.receives)
                if len(receives) == 1:
                    raise asyncio.CancelledError
                consumer.stop()

            consumer = broker.consumer(TOPIC, handler, wait_seconds=0)
            await consumer.run()
            assert receives == [1, 2]

    asyncio.run(run())


PROGRAM = """
import sys, time
from pgbroker import Broker

def handle(message):
    print("at work", flush=True)
    sys.stdin.readline()
    print("done", flush=True)

with Broker() as broker:
    broker.consumer(sys.argv[1], handle, wait_seconds=1).run()
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_lets_a_consumer_finish_its_work(
    real_broker: Broker, topic: str, number: signal.Signals, tmp_path: Path
) -> None:
    token = real_broker.mint_token(topic, ["publish", "consume"]).token
    program = tmp_path / "worker.py"
    program.write_text(PROGRAM)
    real_broker.publish(topic, 1)
    with subprocess.Popen(
        [sys.executable, str(program), topic],
        env={**os.environ, "BROKER": real_broker.url, "TOKEN": token, "PYTHONPATH": str(ROOT / "client")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        assert worker.stdout.readline() == "at work\n"
        worker.send_signal(number)
        worker.stdin.write("\n")
        worker.stdin.flush()
        assert worker.stdout.read() == "done\nended\n"
    assert worker.returncode == 0
    assert real_broker.browse_messages(topic).items == []


def test_a_consumer_that_is_stopped_before_it_runs_leases_nothing(memory: MemoryBroker) -> None:
    broker = memory.broker()
    broker.publish(TOPIC, 1)
    consumer = broker.consumer(TOPIC, lambda _: None)
    consumer.stop()
    consumer.run()
    assert broker.consume(TOPIC)[0].receives == 1
