"""Invoke the scheduled functions at their rates, with the event that EventBridge sends."""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime

from local.functions.pool import Invoke, NoWorker
from local.functions.process import FunctionError
from local.template.template import Schedule


async def run_on_schedule(schedule: Schedule, invoke: Invoke) -> None:
    """Invoke the schedule's function at its rate, for ever."""
    while True:
        await asyncio.sleep(schedule.every.total_seconds())
        try:
            await invoke(schedule.function, scheduled_event(schedule))
        except (FunctionError, NoWorker) as error:
            print(f"{schedule.name} failed: {error}", file=sys.stderr, flush=True)


def scheduled_event(schedule: Schedule) -> bytes:
    """Return the event that EventBridge sends, in JSON."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:000000000000:rule/{schedule.name}"],
        "detail": {},
    }
    return json.dumps(event).encode()
