"""Push what is due, of all topics: batches whose endpoint was away, and what a broadcast had no time for."""

from typing import Any

from broker import deadlines, deliveries


def handler(_event: dict[str, Any], context: Any) -> dict[str, str | None]:
    """Push until nothing is due or the time is up. Returns `next_due_at`: when to invoke it again (None: no need)."""
    deadlines.begin(context.get_remaining_time_in_millis() / 1000 - 2)
    deliveries.run()
    due_at = deliveries.next_due()
    return {"next_due_at": due_at.isoformat() if due_at else None}
