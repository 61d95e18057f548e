"""How long a receiver takes to verify a webhook and to decode it."""

import json
import statistics
from datetime import UTC, datetime
from uuid import UUID

from bench.measure import Bench, Figures, seconds
from pgbroker.webhooks import sign, verify

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MESSAGES = 100
CONTENT = {
    "order": 1043,
    "customer": {"id": str(UUID(int=1)), "name": "Ästhetik GmbH", "email": "orders@example.com"},
    "lines": [{"sku": f"A-{number}", "quantity": number, "price": "9.99"} for number in range(5)],
    "note": "the back door, please",
}


def verification(bench: Bench) -> Figures:
    """`pgbroker.webhooks.verify` checks the signature of a webhook and decodes its 100 messages, whose contents are objects of 400 bytes: median time of a call."""
    body = _body()
    headers = sign(body, "a webhook", datetime.now(UTC), SECRET)
    runs = bench.rounds(1000)
    taken = [seconds(lambda: verify(body, headers, SECRET)) for _ in range(runs)]
    of_json = [seconds(lambda: json.loads(body)) for _ in range(runs)]
    remark = f"Its JSON alone takes {1e3 * statistics.median(of_json):.2f} ms."
    return Figures(1e3 * statistics.median(taken), remark=remark)


def _body() -> bytes:
    messages = [
        {
            "id": str(UUID(int=number)),
            "seq": number,
            "content": CONTENT,
            "sender": "shop",
            "key": None,
            "attributes": None,
            "created_at": "2026-11-24T12:00:00.000000Z",
        }
        for number in range(1, MESSAGES + 1)
    ]
    batch = {"topic": "orders", "subscription": str(UUID(int=1)), "messages": messages}
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()
