"""The fields that several requests have, each with its bounds. openapi.yaml has the same bounds."""

from typing import Annotated

import msgspec

TopicName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
IdempotencyKey = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,256}\Z")]
LeaseSeconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
DelaySeconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]  # of a dead letter
