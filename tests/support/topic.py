"""A topic for tests: the operations that the functions call, what is stored, and ways to let time pass."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from broker.pubsub import broadcasts, reading, subscriptions
from broker.queue import leases, messages
from broker.queue.leases import LeasedMessage

TOKEN_ID = UUID(int=1)  # a token that published


class Topic:
    def __init__(self, name: str, owner: psycopg.Connection[Any]) -> None:
        self.name = name
        self._owner = owner

    def publish(self, *contents: Any) -> list[UUID]:
        """Publish each content as a message, all at once."""
        document = json.dumps([{"content": content} for content in contents])
        return messages.publish(self.name, messages.Publication(document, many=True), "a test", TOKEN_ID).ids

    def fill(self, count: int) -> None:
        """Publish the numbers from 1 to `count`, in one statement."""
        self._owner.execute(
            "SELECT FROM broker.publish_unchecked(%s, (SELECT json_agg(json_build_object('content', n) ORDER BY n)"
            " FROM generate_series(1, %s) n), 'a test', %s)",
            [self.name, count, TOKEN_ID],
        )

    def consume(self, maximum: int = 10, **options: Any) -> list[LeasedMessage]:
        return leases.consume(self.name, msgspec.convert({"max": maximum, **options}, leases.Consume))

    def settle(self, **receipts: Any) -> leases.Settled:
        return leases.settle(self.name, msgspec.convert(receipts, leases.Settle))

    def subscribe(self, url: str, **settings: Any) -> subscriptions.Subscribed:
        return subscriptions.subscribe(self.name, msgspec.convert({"url": url, **settings}, subscriptions.Subscribe))

    def subscription(self, subscribed: subscriptions.Subscribed) -> reading.Subscription:
        return reading.read(self.name, subscribed.id)

    def change(self, subscribed: subscriptions.Subscribed, **changes: Any) -> None:
        subscriptions.change(self.name, subscribed.id, msgspec.convert(changes, subscriptions.Change))

    def broadcast(self) -> broadcasts.Broadcast:
        """Move the queue to the log; send nothing."""
        return broadcasts.broadcast(self.name)

    def end_leases(self) -> None:
        """End all leases and delays now."""
        self._owner.execute("UPDATE queue SET ready_at = now() - interval '1 ms' WHERE ready_at > now()")
        self._owner.execute("UPDATE topic_states SET next_due_at = now() WHERE next_due_at > now()")

    def end_waits(self) -> None:
        """End all waits of subscriptions now: the time to the next attempt, and the leases of planned batches."""
        self._owner.execute("UPDATE redeliveries SET due_at = now() WHERE due_at > now()")
        self._owner.execute("UPDATE cursors SET redelivery_due_at = now() WHERE redelivery_due_at > now()")
        self._owner.execute("UPDATE cursors SET due_at = now() WHERE due_at > now()")
        self._owner.execute("UPDATE deliveries SET ends_at = now() WHERE ends_at > now()")
        self._owner.execute("UPDATE topic_states SET next_due_at = now() WHERE next_due_at > now()")

    def contents(self, leased: list[LeasedMessage]) -> list[Any]:
        return [json.loads(bytes(message.content)) for message in leased]

    def log(self) -> list[tuple[int, Any]]:
        """The log: each seq with its content, in order."""
        return self._owner.execute(
            "SELECT l.seq, m.content FROM entries l JOIN topics t ON t.id = l.topic_id"
            " JOIN contents m ON m.id = l.message_id WHERE t.name = %s ORDER BY l.seq",
            [self.name],
        ).fetchall()

    def logged(self) -> list[UUID]:
        """The ids of the messages in the log, in order."""
        found = self._owner.execute(
            "SELECT l.message_id FROM entries l JOIN topics t ON t.id = l.topic_id WHERE t.name = %s ORDER BY l.seq",
            [self.name],
        )
        return [message_id for (message_id,) in found]

    def next_due_at(self) -> datetime | None:
        """When Dispatch looks at the topic."""
        [(moment,)] = self._owner.execute(
            "SELECT s.next_due_at FROM topic_states s JOIN topics t ON t.id = s.topic_id"
            " WHERE t.name = %s AND t.deleted_at IS NULL",
            [self.name],
        )
        return moment

    def rows(self) -> dict[UUID, dict[str, Any]]:
        """The rows of the topic's queue by message id, in the order of publishing."""
        with self._owner.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            cursor.execute(
                "SELECT q.* FROM queue q JOIN topics t ON t.id = q.topic_id WHERE t.name = %s ORDER BY q.message_id",
                [self.name],
            )
            return {row["message_id"]: row for row in cursor}
