"""A webhook as the broker makes it, for the tests of receivers."""

import json
from datetime import UTC, datetime
from typing import Any

from broker.webhooks import signatures

SECRET = "whsec_b25lIHNlY3JldCBvZiB0d28gb3IgbW9yZSBvZiB0aGVt"
OTHER = "whsec_YW5vdGhlciBzZWNyZXQgb2YgdHdvIG9yIG1vcmU="
WEBHOOK_ID = "0199d0c5-5a5e-7b3f-8c7e-2f1d0a9b8c7d_1_0199d0c5-4b1a-7d2e-9f3a-6b5c4d3e2f1a_0123456789abcdef"


def message(seq: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"0199d0c5-4b1a-7d2e-9f3a-{seq:012x}",
        "seq": seq,
        "content": {"order": seq, "customer": "Ästhetik"},
        "sender": "shop",
        "key": None,
        "attributes": None,
        "created_at": "2026-11-24T12:00:00.250000Z",
        **fields,
    }


def body(*messages: dict[str, Any], **fields: Any) -> bytes:
    batch = {"topic": "orders", "subscription": "0199d0c5-5a5e-7b3f-8c7e-2f1d0a9b8c7d", "messages": messages, **fields}
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


def signed(content: bytes, *secrets: str, at: datetime | None = None, webhook_id: str = WEBHOOK_ID) -> dict[str, str]:
    """The headers that the broker itself sends."""
    return signatures.sign(secrets or [SECRET], webhook_id, at or datetime.now(UTC), content)
