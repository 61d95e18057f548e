"""Post webhooks, and tell dispatch what came of each. It has no way to the database."""

from typing import Any

from broker import deadlines
from broker.transport import payloads
from broker.webhooks import worker


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take what DeliveryQueue has; returns what shall come again."""
    deadlines.begin(context.get_remaining_time_in_millis() / 1000 - 2)
    return payloads.batch_failures(worker.deliver(event["Records"]))
