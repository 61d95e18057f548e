"""Find what an id is of, and where it is."""

from typing import Literal
from uuid import UUID

import msgspec

from broker import database
from broker.authorization import Token
from broker.errors import NotFound


class Found(msgspec.Struct, frozen=True):
    """A message or a subscription, and its topic."""

    id: UUID
    kind: Literal["message", "subscription"]
    topic: str


def find(wanted: UUID, token: Token) -> Found:
    """Find the message or the subscription with this id, in a topic that the token covers. Raises NotFound."""
    found = database.call("SELECT id, kind, topic FROM broker.find_id(%(id)s)", {"id": wanted}, Found)
    if not found or not token.covers(found[0].topic):
        raise NotFound("no message and no subscription that the token covers has this id")
    return found[0]
