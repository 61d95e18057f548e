"""What runs beside the requests: scheduled functions, and the retries that wait in the database."""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime

from local.postgres import PostgresError, Server
from local.process import FunctionError
from local.template import Function, Schedule
from local.workers import Invoke, NoWorker

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 60.0
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


class Retries:
    """Dispatches what is due, one dispatch at a time: when woken, and when the last dispatch said the next is due."""

    def __init__(self, dispatch: Function, invoke: Invoke) -> None:
        self._dispatch = dispatch
        self._invoke = invoke
        self._woken = asyncio.Event()
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Dispatch at once, and then for ever whenever there is a reason. A failed dispatch is tried again."""
        pause = FIRST_PAUSE_SECONDS
        seconds: float | None = None
        while True:
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass
            self._woken.clear()
            try:
                seconds = _seconds_until(json.loads(await self._invoke(self._dispatch, b"{}"))["next_due_at"])
                pause = FIRST_PAUSE_SECONDS
            except (FunctionError, NoWorker, KeyError, TypeError, ValueError) as error:
                print(f"dispatch failed, again in {pause:.0f} s: {error}", file=sys.stderr, flush=True)
                seconds, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)


def _seconds_until(moment: str | None) -> float | None:
    if moment is None:
        return None
    return max(0.0, (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())
