"""The log: one line for each request and each run of Dispatch, with its metrics, and one for each failure.

A metric is what something that runs anyway has in hand: nothing asks the database for one. Whatever runs counts it, and
the line at the end of the request has what was counted in it: a function's process handles one request at a time.
"""

import logging
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus

import msgspec
from aws_lambda_powertools import Logger

from broker import settings

UNITS = {
    "Duration": "Milliseconds",
    "Errors": "Count",
    "Published": "Count",
    "Consumed": "Count",
    "Acked": "Count",
    "Broadcast": "Count",
    "Delivered": "Count",
    "Failed": "Count",
    "Dead": "Count",
    "Expired": "Count",
    "Lag": "Seconds",
    "OldestAge": "Seconds",
    "SubscriptionsDisabled": "Count",
    "KeptPartitions": "Count",
    "KeptPartitionAge": "Count",  # days
    "Lost": "Count",
}
# Not the topic, the subscription or the token, which users invent, nor the route: each value costs as much again.
DIMENSIONS = ("service",)
MAX_VALUES = 100  # of one metric in a line, as AWS has it
MAX_FAILURES = 5  # attempts that a line names
OLD = 60  # seconds, from which on a line says what the oldest message is of

Facts = Mapping[str, object]

_encode = msgspec.json.Encoder().encode
_logger = Logger(json_serializer=lambda value: msgspec.json.encode(value, enc_hook=str).decode())
logging.raiseExceptions = False  # when a line cannot be written, no trace with content in it follows

_counted: dict[str, float] = {}
_lags: list[float] = []
_failures: list[Facts] = []
_oldest: dict[str, object] = {}


def count(metric: str, number: int = 1) -> None:
    """Add to a metric of the line to come. What is 0 is not in the line."""
    if number:
        _counted[metric] = _counted.get(metric, 0) + number


def count_lag(seconds: float) -> None:
    """Note how long a message has waited until it was delivered. The line has 100 at most, so that it is short."""
    if len(_lags) < MAX_VALUES:
        _lags.append(round(max(0.0, seconds), 3))


def count_age(since: datetime, now: datetime, **facts: object) -> None:
    """Note since when a message has waited: the line has the age of the oldest, with these facts when it is old."""
    age = round(max(0.0, (now - since).total_seconds()), 3)
    if age >= _counted.get("OldestAge", 0):
        _counted["OldestAge"] = age
        if age >= OLD:
            _oldest.update(facts)


def count_failure(**facts: object) -> None:
    """Count an attempt that failed: the line names the first ones."""
    count("Failed")
    if len(_failures) < MAX_FAILURES:
        _failures.append(facts)


def log_request(route: str, status: int, topic: str, request_id: str, seconds: float) -> None:
    """Write the line of a request."""
    _counted["Duration"] = round(seconds * 1000, 3)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _counted["Errors"] = 1
    _write({"route": route, "status": status, "topic": topic, "request_id": request_id})


def log_step(route: str, request_id: str) -> None:
    """Write the line of a run of a function that no request calls, unless there was nothing to count."""
    if _counted:
        _write({"route": route, "request_id": request_id})


def log_maintenance(kept: int, age_days: int, facts: Facts) -> None:
    """Write the line of Maintain: how many partitions stay past the retention, and the age of the oldest in days."""
    _counted.update(KeptPartitions=kept, KeptPartitionAge=age_days)
    _write({"route": "maintain", **facts})


def forget() -> None:
    """Forget what was counted."""
    _counted.clear()
    _lags.clear()
    _failures.clear()
    _oldest.clear()


def _write(facts: Facts) -> None:
    """Write what was counted in CloudWatch's embedded metric format, and begin anew.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    Powertools' Metrics need 8 times as long for the same line, and 4 ms more to import.
    """
    values: Facts = {**_counted, "Lag": _lags} if _lags else _counted
    if _failures:
        _oldest["failures"] = _failures
    metrics = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": _directives(*values)}
    line = {"service": _logger.service, **facts, **_oldest, **values, "_aws": metrics}
    sys.stdout.write(_encode(line).decode() + "\n")  # Lambda reads standard output
    sys.stdout.flush()
    forget()


@lru_cache(1000)
def _directives(*metrics: str) -> msgspec.Raw:
    directive = {
        "Namespace": settings.current().metrics_namespace,
        "Dimensions": [DIMENSIONS],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in metrics],
    }
    return msgspec.Raw(_encode([directive]))


def warn(message: str, **facts: object) -> None:
    """Log what an operator should know: in `facts` names, ids, counts and reasons, never content."""
    _logger.warning(message, extra=facts)


def log_failure(error: BaseException, route: str, request_id: str) -> None:
    """Log where an error, or its cause, was raised. Not its text: an error of the database quotes the row.

    The `reason` of either is logged: a mistake of the operator's, such as a wrong password, or a code of AWS. So is
    an error of a setting, which is a sentence of ours and quotes no value.
    """
    reason = getattr(error, "reason", None) or getattr(error.__cause__, "reason", None)
    if isinstance(error, settings.SettingMissing | settings.SettingInvalid):
        reason = str(error)
    error = error.__cause__ or error
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    _logger.error(
        "the broker failed",
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        reason=reason,
        route=route,
        request_id=request_id,
        frames=frames,
    )
