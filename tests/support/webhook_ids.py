"""What names the webhooks of a subscription, computed from the ids of the messages."""

import hashlib
from uuid import UUID


def batch(subscription: UUID, *messages: UUID) -> str:
    """The webhook-id of a batch of these messages."""
    digest = hashlib.sha256(b"".join(message.bytes for message in messages)).hexdigest()
    return f"{subscription}_1_{messages[0]}_{digest[:16]}"


def redelivery(subscription: UUID, message: UUID) -> str:
    """The webhook-id of a message that is sent again on its own."""
    return f"{subscription}_1_{message}_again"
