"""Record the outcomes of webhooks, move the messages of auto topics, and send what is due to Deliver."""

from typing import Any

from broker import deadlines
from broker.dispatch import dispatcher, notifier
from broker.transport import payloads


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take messages of DispatchQueue; return which of them SQS must show again."""
    deadlines.begin_invocation(context)
    failed = dispatcher.handle_records(event["Records"])
    notifier.run_without_queues()
    return payloads.batch_failures(failed)
