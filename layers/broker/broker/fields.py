"""The fields that several requests or responses have, each with its bounds. openapi.yaml has the same bounds."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

TopicName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")]
TokenName = TopicName
Time = Annotated[datetime, msgspec.Meta(tz=True)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
IdempotencyKey = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,256}\Z")]
LeaseSeconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
DelaySeconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]  # of a dead letter


class StoredMessage(msgspec.Struct, frozen=True):
    """A message as it was published. Each way to read messages adds what it knows of them.

    A LeasedMessage declares the same by itself: JSON has its receipt second.
    """

    id: UUID
    content: msgspec.Raw  # the publisher's bytes
    sender: str
    key: str | None
    attributes: msgspec.Raw | None
    created_at: datetime
