"""One definition of each verb, without I/O: a statement, its values, and how its answer is read.

Each calls one function of the schema `broker`, and returns one row with one JSON text. So what a driver makes of uuids,
times and JSON, and what a connection has changed about that, does not matter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

from pgbroker.request import Read, content_reader, encode, reader
from pgbroker.types import Broadcast, Extend, Leased, LeasedMessage, Message, Reject, Release, Settled
from pgbroker.verbs import Lease, parts, settle_body

Result = TypeVar("Result")
Value = str | int | None

PUBLISH = """
SELECT to_json(broker.publish(
    p_topic => %(topic)s::text, p_content => %(content)s::text::json, p_sender => %(sender)s::text,
    p_key => %(key)s::text, p_attributes => %(attributes)s::text::json))::text
"""
PUBLISH_MANY = """
SELECT to_json(ids)::text
  FROM broker.publish_batch(
    p_topic => %(topic)s::text, p_messages => %(messages)s::text::json, p_sender => %(sender)s::text,
    p_idempotency_key => %(idempotency_key)s::text)
"""
CONSUME = """
SELECT json_build_object('messages', coalesce(json_agg(m), '[]'))::text
  FROM (SELECT id, receipt, content, sender, key, attributes, created_at, receives, lease_expires_at
          FROM broker.consume(
            p_topic => %(topic)s::text, p_max => %(max)s::integer, p_lease_seconds => %(lease_seconds)s::integer,
            p_auto_ack => %(auto_ack)s::boolean)) m
"""
SETTLE = """
SELECT to_json(s)::text
  FROM (SELECT acked, released, extended, rejected, gone, stale
          FROM broker.settle(p_topic => %(topic)s::text, p_receipts => %(receipts)s::text::json)) s
"""
BROADCAST = """
SELECT to_json(b)::text
  FROM (SELECT messages, subscriptions, first_seq, last_seq, remaining
          FROM broker.broadcast(p_topic => %(topic)s::text)) b
"""


class Statement(Struct, Generic[Result], frozen=True):
    """A call: `text` has a `%(name)s` for each of `values`, and `read` makes the result of the JSON text it returns."""

    text: str
    values: Mapping[str, Value]
    read: Read[Result]


def publish(
    topic: str, content: Any, *, key: str | None, sender: str | None, attributes: dict[str, str] | None
) -> Statement[str]:
    values: dict[str, Value] = {
        "topic": topic,
        "content": _json(content),
        "sender": sender,
        "key": key,
        "attributes": None if attributes is None else _json(attributes),
    }
    return Statement(PUBLISH, values, reader(str))


def publish_many(
    topic: str, messages: Iterable[Message | Mapping[str, Any]], *, sender: str | None, idempotency_key: str | None
) -> Iterator[Statement[list[str]]]:
    """Make the statements that store any number of messages, each with the key and its number, as over HTTP."""
    for number, part in enumerate(parts(map(encode, messages))):
        values: dict[str, Value] = {
            "topic": topic,
            "messages": f"[{b','.join(part).decode()}]",
            "sender": sender,
            "idempotency_key": f"{idempotency_key}.{number}" if idempotency_key and number else idempotency_key,
        }
        yield Statement(PUBLISH_MANY, values, reader(list[str]))


def consume(
    topic: str,
    *,
    max: int,
    lease_seconds: int | None,
    auto_ack: bool,
    content: Any,
) -> Statement[list[LeasedMessage[Any]]]:
    read = content_reader(Leased, content)
    values: dict[str, Value] = {"topic": topic, "max": max, "lease_seconds": lease_seconds, "auto_ack": auto_ack}
    return Statement(CONSUME, values, lambda answer: read(answer).messages)


def settle(
    topic: str,
    *,
    ack: Sequence[Lease],
    release: Sequence[Lease | Release],
    extend: Sequence[Lease | Extend],
    reject: Sequence[Lease | Reject],
) -> Statement[Settled]:
    receipts = settle_body(ack=ack, release=release, extend=extend, reject=reject)
    return Statement(SETTLE, {"topic": topic, "receipts": receipts.decode()}, reader(Settled))


def broadcast(topic: str) -> Statement[Broadcast]:
    return Statement(BROADCAST, {"topic": topic}, reader(Broadcast))


def _json(value: Any) -> str:
    return encode(value).decode()
