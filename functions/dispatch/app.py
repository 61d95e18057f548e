"""Record the outcomes of webhooks, move the messages of auto topics, and send what is due to Deliver."""

from typing import Any

from broker import deadlines
from broker.dispatch import dispatcher, notifier
from broker.transport import payloads


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take messages of DispatchQueue; return which of them SQS must show again.

    An event without records asks for a look at all topics; it returns `next_due_at`, when to look again (None: never).
    """
    deadlines.begin_invocation(context)
    if "Records" in event:
        return payloads.batch_failures(dispatcher.handle_records(event["Records"]))
    due_at = dispatcher.sweep()
    return {"next_due_at": due_at.isoformat() if due_at else None}
