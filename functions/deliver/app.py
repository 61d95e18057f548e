"""Post webhooks, and send the outcome of each to Dispatch. It cannot reach the database."""

from typing import Any

from broker import deadlines
from broker.transport import payloads
from broker.webhooks import worker


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take messages of DeliveryQueue; return which of them SQS must show again."""
    deadlines.begin_invocation(context)
    return payloads.batch_failures(worker.deliver(event["Records"]))
