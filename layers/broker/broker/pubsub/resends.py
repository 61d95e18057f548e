"""Resends: a message of the log is sent once more to one subscription."""

from datetime import datetime
from uuid import UUID

import msgspec

from broker import database


class Resend(msgspec.Struct, forbid_unknown_fields=True):
    """The request to send a message once more to `subscription`."""

    subscription: UUID


class Resent(msgspec.Struct, frozen=True):
    """What is sent again: its attempts have this `webhook_id`, and the message the position `seq` of the log.

    `due_at` is None while the subscription is paused.
    """

    webhook_id: str
    seq: int
    due_at: datetime | None


def resend(topic: str, message_id: UUID, request: Resend) -> Resent:
    """Send a message of the log once more to a subscription, whatever became of it there.

    It is a redelivery under a webhook-id of its own, with all attempts. One that waits to be sent again already is due
    now, and keeps both: so a call that is repeated doubles nothing. Raises NotFound for what is not there, also for a
    message that is not in the log; Conflict when the subscription is disabled, or has not got to the message yet.
    """
    [resent] = database.call(
        "SELECT webhook_id, seq, due_at FROM broker.resend(%(topic)s, %(id)s, %(subscription)s)",
        {"topic": topic, "id": message_id, "subscription": request.subscription},
        Resent,
    )
    return resent
