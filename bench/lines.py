"""How long a line of metrics takes, in the functions that write it."""

import contextlib
import json
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench import functions, servers
from bench.handlers import MESSAGE
from bench.measure import Bench, Figures
from broker import telemetry
from broker.dispatch import measures
from broker.transport import payloads
from broker.transport.payloads import Outcome

OUTCOMES = 100  # that a run of Dispatch records


def line(bench: Bench) -> Figures:
    """The publish handler, and Dispatch's with 100 outcomes, called directly, write a line of metrics to a pipe that another process reads: median time of the line that takes longer."""
    runs = bench.rounds(2000)
    with servers.create_broker_database(bench.server, "broker_bench"), _pipe():
        publish = functions.publisher("orders", MESSAGE)
        dispatch = functions.load("dispatch")
        with _timed(telemetry, "log_request") as requests:
            for _ in range(runs):
                publish()
        with _timed(telemetry, "log_step") as steps, _timed(measures, "count") as counts:
            for _ in range(runs // 10):
                dispatch.handler({"Records": [_record()]}, functions.Context)
    of_request, of_step, counting = (1e6 * statistics.median(taken) for taken in (requests, steps, counts))
    remark = f"Of a publish {of_request:.1f} µs, of Dispatch {of_step:.1f} µs; counting its outcomes {counting:.0f} µs."
    return Figures(max(of_request, of_step), remark=remark)


@contextlib.contextmanager
def _pipe() -> Iterator[None]:
    """Let the functions write to a pipe, as on Lambda and in `make run`; another process reads it."""
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as reader,
        contextlib.redirect_stdout(reader.stdin),
    ):
        yield


@contextlib.contextmanager
def _timed(module: Any, name: str) -> Iterator[list[float]]:
    """Note the seconds of each call of a function."""
    function: Callable[..., None] = getattr(module, name)
    taken: list[float] = []

    def timed(*arguments: Any) -> None:
        started = time.perf_counter()
        function(*arguments)
        taken.append(time.perf_counter() - started)

    setattr(module, name, timed)
    try:
        yield taken
    finally:
        setattr(module, name, function)


def _record() -> dict[str, Any]:
    """A message of DispatchQueue with outcomes of subscriptions that were deleted since; a tenth of them failed."""
    now = datetime.now(UTC)
    outcomes = [
        Outcome(
            subscription_id=UUID(int=number),
            fence=number,
            webhook_id=f"{UUID(int=number)}_1_{UUID(int=number)}_0",
            first_seq=1,
            last_seq=100,
            attempt=1,
            redelivery=None,
            started_at=now,
            duration_ms=number,
            status=500 if number % 10 == 0 else 200,
            reason=None,
            answer=None,
            action="retry" if number % 10 == 0 else "delivered",
            retry_seconds=5,
            refused=None,
            since=now - timedelta(milliseconds=number),
        )
        for number in range(OUTCOMES)
    ]
    [body] = payloads.encode_outcomes(outcomes)
    return {"messageId": "1", "body": json.dumps(json.loads(body))}
