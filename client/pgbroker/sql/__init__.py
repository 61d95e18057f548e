"""The verbs in your own SQL transaction: a message is published, or settled, with what you write to your tables.

    with psycopg.connect("dbname=shop") as connection:
        connection.execute("INSERT INTO orders VALUES (4)")
        sql.publish(connection, "orders", {"order": 4}, key="customer-7")

`connection` is one of psycopg 3 (or a cursor of it), SQLAlchemy 2 (or a session of it) or Django. A verb sends its
statement and nothing else: the transaction, its commit and its rollback stay yours. In autocommit a call is a
transaction by itself. `pgbroker.sql.aio` has the same verbs for async connections.

Each verb raises a Problem when the broker refuses, with the library's error as its cause: InvalidInput, NotFound,
Conflict, IdempotencyKeyReused or WrongIsolation. As after any error, roll back then, at least to a savepoint. Other
errors stay those of your library: after a lock time-out (SQLSTATE 55P03), a serialization failure (40001) or a deadlock
(40P01), repeat the transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pgbroker.sql import statements
from pgbroker.sql.connections import run
from pgbroker.sql.refusals import WrongIsolation
from pgbroker.types import Broadcast, Extend, LeasedMessage, Message, Reject, Release, Settled
from pgbroker.verbs import Lease

if TYPE_CHECKING:
    from pgbroker.sql.connections import Connection

__all__ = ["WrongIsolation", "broadcast", "consume", "publish", "publish_many", "settle"]

Content = TypeVar("Content")


def publish(
    connection: "Connection",
    topic: str,
    content: Any,
    *,
    key: str | None = None,
    sender: str | None = None,
    attributes: dict[str, str] | None = None,
) -> str:
    """Publish a message with your transaction, and return its id. A missing topic is created.

    `content` is anything that JSON can say, or a `msgspec.Raw` with JSON as it is; content, attributes, sender and key
    are 256 KiB at most. The sender is by default the user of the session. Until your transaction ends, the topic cannot
    be deleted. Raises InvalidInput; Conflict when the login has created as many topics as it may.
    """
    return run(connection, statements.publish(topic, content, key=key, sender=sender, attributes=attributes))


def publish_many(
    connection: "Connection",
    topic: str,
    messages: Iterable[Message | Mapping[str, Any]],
    *,
    sender: str | None = None,
    idempotency_key: str | None = None,
) -> list[str]:
    """Publish any number of messages with your transaction, and return their ids in the same order.

    `sender` is that of the messages that name none. One statement stores up to 1,000 messages, of 4 MiB in all, so in
    autocommit more than that are several transactions. With an `idempotency_key`, the same call of the same login
    within 24 hours stores nothing, and returns the same ids. Raises what publish does, and IdempotencyKeyReused for
    other messages with this key.
    """
    return [
        message_id
        for part in statements.publish_many(topic, messages, sender=sender, idempotency_key=idempotency_key)
        for message_id in run(connection, part)
    ]


@overload
def consume(
    connection: "Connection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
) -> list[LeasedMessage[Any]]: ...
@overload
def consume(
    connection: "Connection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
    type: type[Content],
) -> list[LeasedMessage[Content]]: ...
def consume(
    connection: "Connection",
    topic: str,
    *,
    max: int = 10,
    lease_seconds: int | None = None,
    auto_ack: bool = False,
    type: Any = Any,
) -> list[LeasedMessage[Any]]:
    """Lease up to `max` ready messages, 1,000 at most, oldest first; an empty list when none is ready. It never waits.

    When you work, and settle, in the same transaction, the work is done exactly once. A rollback returns the messages
    at once, and does not count as a receive. After your commit a message that is not settled stays on lease until
    `lease_seconds` after the call: 1 to 86,400, by default the topic's. `auto_ack` removes the messages with your
    commit, without a lease.

    `type` is what each content must be: a Struct, a dataclass, a TypedDict. Raises ContentMismatch for another content,
    with the leased messages in `answer`; NotFound for an unknown topic.
    """
    call = statements.consume(topic, max=max, lease_seconds=lease_seconds, auto_ack=auto_ack, content=type)
    return run(connection, call)


def settle(
    connection: "Connection",
    topic: str,
    *,
    ack: Sequence[Lease] = (),
    release: Sequence[Lease | Release] = (),
    extend: Sequence[Lease | Extend] = (),
    reject: Sequence[Lease | Reject] = (),
) -> Settled:
    """End leases with your transaction, up to 1,000 in all, each by itself: by their messages, or their receipts.

    When the lease is of an earlier transaction, look at the result before you commit work: `gone` was settled before,
    and of `stale` another consumer has the lease now. Raises NotFound for an unknown topic; InvalidInput when a receipt
    is of another topic, or is there twice.
    """
    return run(connection, statements.settle(topic, ack=ack, release=release, extend=extend, reject=reject))


def broadcast(connection: "Connection", topic: str) -> Broadcast:
    """Move up to 10,000 ready messages to the topic's log with your transaction; repeat it while it says `remaining`.

    They are pushed to the subscriptions when Dispatch wakes up next. SQL cannot wake it: the broadcast over HTTP does,
    after your commit. Raises NotFound for an unknown topic.
    """
    return run(connection, statements.broadcast(topic))
