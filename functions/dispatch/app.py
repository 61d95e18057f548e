"""Record what came of webhooks, move what topics broadcast by themselves, and hand what is due to deliver."""

from typing import Any

from broker import deadlines
from broker.dispatch import dispatcher
from broker.transport import payloads


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take what DispatchQueue has; returns what shall come again.

    An event without records asks to look at all topics; returns `next_due_at`, when to do so again (None: no need).
    """
    deadlines.begin(context.get_remaining_time_in_millis() / 1000 - 2)
    if "Records" in event:
        return payloads.batch_failures(dispatcher.handle_records(event["Records"]))
    due_at = dispatcher.sweep()
    return {"next_due_at": due_at.isoformat() if due_at else None}
