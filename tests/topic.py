"""A topic in a test's hands: the operations that the functions call, and a hand on the clock."""

import json
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from broker import broadcasts, leases, messages, subscriptions
from broker.leases import LeasedMessage


class Topic:
    def __init__(self, name: str, owner: psycopg.Connection[Any]) -> None:
        self.name = name
        self._owner = owner

    def publish(self, *contents: Any) -> list[UUID]:
        """Publish each content as a message, all at once."""
        document = json.dumps([{"content": content} for content in contents])
        return messages.publish(self.name, messages.Publication(document, many=True), "a test").ids

    def consume(self, maximum: int = 10, **wish: Any) -> list[LeasedMessage]:
        return leases.consume(self.name, msgspec.convert({"max": maximum, **wish}, leases.Consume))

    def settle(self, **receipts: Any) -> leases.Settled:
        return leases.settle(self.name, msgspec.convert(receipts, leases.Settle))

    def subscribe(self, url: str, **wish: Any) -> subscriptions.Subscribed:
        return subscriptions.subscribe(self.name, msgspec.convert({"url": url, **wish}, subscriptions.Subscribe))

    def broadcast(self) -> broadcasts.Broadcast:
        """Move only: nothing is sent."""
        return broadcasts.broadcast(self.name)

    def end_leases(self) -> None:
        """Let all leases and delays run out now."""
        self._owner.execute("UPDATE queue SET ready_at = now() - interval '1 ms' WHERE ready_at > now()")

    def contents(self, leased: list[LeasedMessage]) -> list[Any]:
        return [json.loads(bytes(message.content)) for message in leased]

    def rows(self) -> dict[UUID, dict[str, Any]]:
        """The topic's queue as it stands, by message id."""
        with self._owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute("SELECT q.* FROM queue q JOIN topics t ON t.id = q.topic_id WHERE t.name = %s", [self.name])
            return {row["message_id"]: row for row in cursor}
