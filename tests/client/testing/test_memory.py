"""The broker in memory answers as the real one: the same tests run against both."""

import asyncio
from collections.abc import Callable

import pytest

from pgbroker import Broker, ContentMismatch, IdempotencyKeyReused, InvalidInput, Message, NotFound, StaleReceipt
from pgbroker.testing import MemoryBroker
from pgbroker.types import Extend, Reject, Release

UNKNOWN = "01a20ce4-07b0-7303-aece-1db29531985d.1"
BOTH = pytest.mark.parametrize("kind", ["in memory", "real"])


@pytest.fixture
def broker(request: pytest.FixtureRequest, kind: str) -> Broker:
    return MemoryBroker().broker() if kind == "in memory" else request.getfixturevalue("real_broker")


@BOTH
def test_messages_come_in_the_order_of_publishing_with_all_their_fields(broker: Broker, topic: str) -> None:
    first = broker.publish(topic, {"order": 1}, key="k", sender="shop", attributes={"kind": "new"})
    others = broker.publish_many(topic, [{"content": None}, Message("three")])
    leased = broker.consume(topic, max=2) + broker.consume(topic)
    assert [message.id for message in leased] == [first, *others] == sorted([first, *others])
    assert [message.content for message in leased] == [{"order": 1}, None, "three"]
    assert (leased[0].key, leased[0].sender, leased[0].attributes, leased[0].receives) == (
        "k",
        "shop",
        {"kind": "new"},
        1,
    )
    assert leased[0].receipt == f"{first}.1"
    assert leased[0].lease_expires_at is not None
    assert leased[0].lease_expires_at > leased[0].created_at
    assert (leased[1].key, leased[1].attributes) == (None, None)


@BOTH
def test_a_lease_hides_a_message_until_it_is_released(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    [message] = broker.consume(topic)
    assert broker.consume(topic) == []
    assert broker.settle(topic, release=[message]).released == 1
    [again] = broker.consume(topic)
    assert (again.id, again.receives) == (message.id, 2)


@BOTH
def test_a_message_that_is_acknowledged_does_not_come_again(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    [message] = broker.consume(topic, lease_seconds=1)
    broker.ack(topic, message)
    broker.ack(topic, message)
    settled = broker.settle(topic, ack=[message, UNKNOWN])
    assert (settled.acked, sorted(settled.gone)) == (0, sorted([message.receipt or "", UNKNOWN]))
    assert broker.consume(topic) == []


@BOTH
def test_a_receipt_of_an_earlier_lease_is_stale(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    [slow] = broker.consume(topic)
    broker.settle(topic, release=[slow])
    [fast] = broker.consume(topic)
    settled = broker.settle(topic, ack=[slow], extend=[Extend(fast.receipt or "", 60)])
    assert (settled.acked, settled.extended, settled.stale) == (0, 1, [slow.receipt])
    with pytest.raises(StaleReceipt, match="another consumer"):
        broker.ack(topic, slow)
    broker.ack(topic, fast)


@BOTH
def test_a_message_that_is_released_with_a_delay_waits(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    [message] = broker.consume(topic)
    broker.settle(topic, release=[Release(message.receipt or "", 60)])
    assert broker.consume(topic) == []
    [waiting] = broker.browse_messages(topic).items
    assert (waiting.id, waiting.receives, waiting.leased_at) == (message.id, 1, None)


@BOTH
def test_a_message_that_is_rejected_waits_no_more(broker: Broker, topic: str) -> None:
    broker.publish_many(topic, [Message("a"), Message("b")])
    first, second = broker.consume(topic)
    settled = broker.settle(topic, reject=[Reject(first.receipt or "", "broken"), second])
    assert (settled.rejected, broker.browse_messages(topic).items) == (2, [])


@BOTH
def test_a_message_is_dead_after_ten_receives(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    for receives in range(1, 11):
        [message] = broker.consume(topic)
        assert message.receives == receives
        broker.settle(topic, release=[message])
    assert broker.consume(topic) == broker.browse_messages(topic).items == []


@BOTH
def test_messages_are_removed_as_they_are_read_with_auto_ack(broker: Broker, topic: str) -> None:
    broker.publish(topic, "a")
    [message] = broker.consume(topic, auto_ack=True)
    assert (message.receipt, message.lease_expires_at) == (None, None)
    assert broker.browse_messages(topic).items == []
    with pytest.raises(ValueError, match="no receipt"):
        broker.ack(topic, message)


@BOTH
def test_a_repeated_publish_stores_nothing(broker: Broker, topic: str) -> None:
    ids = broker.publish_many(topic, [Message(1), Message(2)], idempotency_key="import-7")
    assert broker.publish_many(topic, [Message(1), Message(2)], idempotency_key="import-7") == ids
    assert len(broker.consume(topic)) == 2
    with pytest.raises(IdempotencyKeyReused):
        broker.publish_many(topic, [Message(1)], idempotency_key="import-7")


@BOTH
@pytest.mark.parametrize(
    "verb",
    [lambda broker: broker.consume("absent"), lambda broker: broker.ack("absent", UNKNOWN),
     lambda broker: broker.browse_messages("absent"), lambda broker: broker.settle("absent", ack=[UNKNOWN])],
    ids=["consume", "ack", "browse", "settle"],
)  # fmt: skip
def test_a_topic_without_a_message_is_not_found(broker: Broker, verb: Callable[[Broker], object]) -> None:
    with pytest.raises(NotFound, match='there is no topic "absent"'):
        verb(broker)


@BOTH
def test_unknown_fields_and_receipts_that_are_none_are_refused(broker: Broker, topic: str) -> None:
    with pytest.raises(InvalidInput):
        broker.publish_many(topic, [{"content": 1, "colour": "red"}])
    broker.publish(topic, 1)
    with pytest.raises(InvalidInput):
        broker.ack(topic, "no-receipt")


@BOTH
def test_content_of_another_type_raises(broker: Broker, topic: str) -> None:
    broker.publish(topic, "one")
    with pytest.raises(ContentMismatch):
        broker.consume(topic, type=int)


def test_a_lease_ends_when_the_clock_is_ahead(topic: str) -> None:
    memory = MemoryBroker()
    broker = memory.broker()
    broker.publish(topic, "a")
    broker.consume(topic, lease_seconds=300)
    memory.advance(299)
    assert broker.consume(topic) == []
    memory.advance(2)
    [message] = broker.consume(topic)
    broker.settle(topic, reject=[Reject(message.receipt or "", "broken")])
    assert memory.dead_letters(topic) == {message.id: "broken"}


def test_clients_of_both_kinds_share_a_broker(topic: str) -> None:
    memory = MemoryBroker()

    async def consume() -> list[str]:
        async with memory.async_broker() as broker:
            waiting = asyncio.create_task(broker.consume(topic, wait_seconds=20))
            await asyncio.sleep(0)
            memory.broker().publish(topic, "a")
            return [message.content for message in await waiting]

    memory.broker().publish(topic, "first")
    memory.broker().consume(topic)
    assert asyncio.run(consume()) == ["a"]


def test_a_request_that_it_does_not_know_says_so() -> None:
    with pytest.raises(NotImplementedError, match="broker in memory does not know POST /topics/orders/broadcast"):
        MemoryBroker().broker().broadcast("orders")
