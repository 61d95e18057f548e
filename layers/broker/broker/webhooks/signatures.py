"""Sign webhooks as in Standard Webhooks 1.0: symmetric, scheme v1 (HMAC-SHA256)."""

import base64
import hmac
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

PREFIX = "whsec_"


def new_secret() -> str:
    """Make a signing secret: `whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def sign(secrets: Sequence[str], webhook_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """Return the headers `webhook-id`, `webhook-timestamp` and `webhook-signature` for one attempt to send `body`.

    Each secret adds one signature, so during a rotation a receiver that knows any of them accepts the webhook.
    `timestamp` is aware, and is sent as whole seconds since 1970. The same arguments give the same headers.
    """
    seconds = str(int(timestamp.timestamp()))
    content = f"{webhook_id}.{seconds}.".encode() + body
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(_signature(secret, content) for secret in secrets),
    }


def _signature(secret: str, content: bytes) -> str:
    code = _keyed(secret).copy()
    code.update(content)
    return "v1," + base64.b64encode(code.digest()).decode()


@lru_cache(1000)
def _keyed(secret: str) -> hmac.HMAC:
    """Make the HMAC of a secret, to be copied: OpenSSL needs as long to make one as to read 2 KB."""
    return hmac.new(base64.b64decode(secret.removeprefix(PREFIX), validate=True), digestmod="sha256")
