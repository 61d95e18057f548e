"""Secrets of subscriptions: give a new one; for a time, requests are signed with the old ones too."""

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec

from broker import database
from broker.pubsub import subscriptions
from broker.webhooks import signatures


class Rotate(msgspec.Struct, forbid_unknown_fields=True):
    """The request for a new secret. The old ones also sign for `overlap_seconds`, by default a day."""

    overlap_seconds: Annotated[int, msgspec.Meta(ge=0, le=2_592_000)] = 86_400


class Rotated(msgspec.Struct, frozen=True):
    """A new secret, shown only here, and until when the old ones also sign (None: they do not)."""

    secret: str
    old_secrets_until: datetime | None


def rotate_secret(topic: str, subscription_id: UUID, request: Rotate) -> Rotated:
    """Give a subscription a new secret. Raises NotFound."""
    secret = signatures.new_secret()
    rotated = database.call(
        "SELECT old_secrets_until FROM broker.rotate_secret(%(topic)s, %(id)s, %(secret)s, %(overlap_seconds)s)",
        {"topic": topic, "id": subscription_id, "secret": secret, "overlap_seconds": request.overlap_seconds},
        partial(Rotated, secret),
    )
    if not rotated:
        raise subscriptions.not_found()
    return rotated[0]
