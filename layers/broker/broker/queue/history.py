"""The history of a topic: what was published to it, whatever became of it."""

from typing import Literal
from uuid import UUID

from broker import pagination
from broker.fields import Label, StoredMessage


class List(pagination.Query, forbid_unknown_fields=True):
    """The query of a history. It begins before the message `after`, or before the time of any other UUIDv7."""

    after: UUID | None = None
    sender: Label | None = None
    key: Label | None = None


class HistoryMessage(StoredMessage, frozen=True):
    """A message and its state, as in TracedMessage. Unless broadcast `seq` is None; unless dead `reason` is None."""

    state: Literal["waiting", "leased", "dead", "broadcast", "consumed"]
    seq: int | None
    reason: str | None


def list_history(topic: str, query: List) -> pagination.Page[HistoryMessage]:
    """List the messages of a topic, the newest first, as far back as the retention.

    A page may be short, or empty, without being the last: a call reads at most 10,000 messages, of all topics, and
    `next` is the last of them. Raises NotFound for an unknown topic.
    """
    return pagination.fetch(
        "SELECT id, content, sender, key, attributes, created_at, state, seq, reason, next"
        " FROM broker.list_history(%(topic)s, %(filter)s::json, %(after)s::uuid, %(limit)s)",
        topic,
        query,
        HistoryMessage,
    )
