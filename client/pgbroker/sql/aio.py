"""The verbs of `pgbroker.sql` for async connections: of psycopg 3 (or their cursors) and SQLAlchemy 2 (or sessions).

async with await psycopg.AsyncConnection.connect("dbname=shop") as connection:
await connection.execute("INSERT INTO orders VALUES (4)")
await aio.publish(connection, "orders", {"order": 4}, key="customer-7")
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pgbroker.sql import statements
from pgbroker.sql.connections import run_async
from pgbroker.types import Broadcast, Extend, LeasedMessage, Message, Reject, Release, Settled
from pgbroker.verbs import Lease

if TYPE_CHECKING:
    from pgbroker.sql.connections import AsyncConnection

__all__ = ["broadcast", "consume", "publish", "publish_many", "settle"]

Content = TypeVar("Content")


async def publish(
    connection: "AsyncConnection",
    topic: str,
    content: Any,
    *,
    key: str | None = None,
    sender: str | None = None,
    attributes: dict[str, str] | None = None,
) -> str:
    """Publish a message with your transaction, and return its id: see `pgbroker.sql.publish`."""
    return await run_async(
        connection, statements.publish(topic, content, key=key, sender=sender, attributes=attributes)
    )


async def publish_many(
    connection: "AsyncConnection",
    topic: str,
    messages: Iterable[Message | Mapping[str, Any]],
    *,
    sender: str | None = None,
    idempotency_key: str | None = None,
) -> list[str]:
    """Publish any number of messages with your transaction, and return their ids: see `pgbroker.sql.publish_many`."""
    return [
        message_id
        for part in statements.publish_many(topic, messages, sender=sender, idempotency_key=idempotency_key)
        for message_id in await run_async(connection, part)
    ]


@overload
async def consume(
    connection: "AsyncConnection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
) -> list[LeasedMessage[Any]]: ...
@overload
async def consume(
    connection: "AsyncConnection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
    type: type[Content],
) -> list[LeasedMessage[Content]]: ...
async def consume(
    connection: "AsyncConnection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
    type: Any = Any,
) -> list[LeasedMessage[Any]]:
    """Lease ready messages with your transaction: see `pgbroker.sql.consume`."""
    call = statements.consume(topic, max=max, lease_seconds=lease_seconds, auto_ack=auto_ack, content=type)
    return await run_async(connection, call)


async def settle(
    connection: "AsyncConnection",
    topic: str,
    *,
    ack: Sequence[Lease] = (),
    release: Sequence[Lease | Release] = (),
    extend: Sequence[Lease | Extend] = (),
    reject: Sequence[Lease | Reject] = (),
) -> Settled:
    """End leases with your transaction: see `pgbroker.sql.settle`."""
    return await run_async(connection, statements.settle(topic, ack=ack, release=release, extend=extend, reject=reject))


async def broadcast(connection: "AsyncConnection", topic: str) -> Broadcast:
    """Move ready messages to the topic's log with your transaction: see `pgbroker.sql.broadcast`."""
    return await run_async(connection, statements.broadcast(topic))
