"""Consume messages, and settle their leases."""

from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from pgbroker.request import Request, body, content_reader, delete, encode, path, post, reader
from pgbroker.types import Extend, Leased, LeasedMessage, Reject, Release, Settled

Lease = str | LeasedMessage[Any]


class Consume(TypedDict, total=False):
    """The options of consume.

    `max` is 10 by default, at most 1,000; `lease_seconds` is by default the topic's; `wait_seconds` is 0 to 20.
    """

    max: int
    lease_seconds: int
    wait_seconds: int
    auto_ack: bool


def consume(topic: str, content: Any, **options: Unpack[Consume]) -> Request[Leased[Any]]:
    """Lease the oldest ready messages: up to `max` (10), each until its `lease_expires_at`. Settle them before.

    Empty when none is ready; `wait_seconds`, up to 20, waits for the first. With `type` the content is of that
    type; a message whose content is not raises ContentMismatch, with all messages as `answer`. `auto_ack` removes
    the messages as they are read, at most once: they are lost when the answer is lost.
    """
    return post(path("topics", topic, "consume"), encode(options), content_reader(Leased, content))


def settle(
    topic: str,
    *,
    ack: Sequence[Lease] = (),
    release: Sequence[Lease | Release] = (),
    extend: Sequence[Lease | Extend] = (),
    reject: Sequence[Lease | Reject] = (),
) -> Request[Settled]:
    """End leases, up to 1,000 in all, each by itself: by their messages, or their receipts. Safe to repeat.

    Look at `stale` of the result: another consumer has leased these messages since.
    """
    target = path("topics", topic, "settle")
    return post(target, settle_body(ack=ack, release=release, extend=extend, reject=reject), reader(Settled))


def settle_body(
    *,
    ack: Sequence[Lease] = (),
    release: Sequence[Lease | Release] = (),
    extend: Sequence[Lease | Extend] = (),
    reject: Sequence[Lease | Reject] = (),
) -> bytes:
    """Write which leases end in which way, as JSON: the body of a settle, and the argument `receipts` in SQL."""
    given = {"ack": ack, "release": release, "extend": extend, "reject": reject}
    return body(**{name: [_settled(lease) for lease in leases] for name, leases in given.items() if leases})


def ack(topic: str, lease: Lease) -> Request[None]:
    """Acknowledge one message. Raises StaleReceipt when another consumer has it now. Safe to repeat."""
    return delete(path("topics", topic, "leases", receipt(lease)))


def receipt(lease: Lease) -> str:
    """Return the receipt of a lease. Raises ValueError for a message without one."""
    found = lease if isinstance(lease, str) else lease.receipt
    if found is None:
        raise ValueError("the message has no receipt: it was consumed with auto_ack")
    return found


def _settled(lease: Lease | Release | Extend | Reject) -> str | Release | Extend | Reject:
    return lease if isinstance(lease, Release | Extend | Reject) else receipt(lease)
