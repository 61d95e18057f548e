"""What runs beside the requests: scheduled functions, and the watch over PostgreSQL."""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime

from local.postgres import PostgresError, Server
from local.process import FunctionError
from local.template import Schedule
from local.workers import Invoke, NoWorker

WATCH_SECONDS = 0.2


async def run_on_schedule(schedule: Schedule, invoke: Invoke) -> None:
    """Invoke the schedule's function at its rate, for ever."""
    while True:
        await asyncio.sleep(schedule.every.total_seconds())
        try:
            await invoke(schedule.function, scheduled_event(schedule))
        except (FunctionError, NoWorker) as error:
            print(f"{schedule.name} failed: {error}", file=sys.stderr, flush=True)


async def keep_running(server: Server) -> None:
    """Restart PostgreSQL whenever it has died, for ever. Requests wait while it starts."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        if server.process.poll() is not None:
            print("PostgreSQL died; starting it again", file=sys.stderr, flush=True)
            try:
                server.restart()  # here, in the main thread: it is to end with this process
            except PostgresError as error:
                print(error, file=sys.stderr, flush=True)


def scheduled_event(schedule: Schedule) -> bytes:
    """Return what EventBridge sends."""
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
