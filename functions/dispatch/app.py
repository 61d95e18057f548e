"""Record the outcomes of webhooks, move the messages of auto topics, and send what is due to Deliver."""

from typing import Any

from broker import deadlines, telemetry
from broker.dispatch import dispatcher, notifier
from broker.transport import payloads


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take messages of DispatchQueue; return which of them SQS must show again."""
    deadlines.begin_invocation(context)
    failed = dispatcher.handle_records(event["Records"])
    notifier.run_without_queues()
    telemetry.log_step("dispatch", context.aws_request_id)
    return payloads.batch_failures(failed)
