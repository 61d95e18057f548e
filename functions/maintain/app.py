"""Once a day: make partitions ahead, remove old ones, clear old rows, and look for what is due."""

from typing import Any

import msgspec

from broker import deadlines
from broker.dispatch import notifier
from broker.schema import maintenance


def handler(_event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Run the maintenance; return what was `made`, `removed`, `kept`, `lost`, `ended` and `cleared`.

    The sweep runs in any case: nothing else finds a wake-up or a job that SQS has lost.
    """
    deadlines.begin_invocation(context)
    try:
        done: dict[str, Any] = msgspec.to_builtins(maintenance.maintain())
        return done
    finally:
        notifier.sweep()
