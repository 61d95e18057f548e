"""The log: one line for each request, with its metrics, and one for each failure."""

import logging
import sys
import time
import traceback
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus

import msgspec
from aws_lambda_powertools import Logger

from broker import settings

UNITS = {
    "Duration": "Milliseconds",
    "Messages": "Count",
    "Errors": "Count",
    "KeptPartitions": "Count",
    "KeptPartitionAge": "Count",  # days
}

_encode = msgspec.json.Encoder().encode
_logger = Logger(json_serializer=lambda value: msgspec.json.encode(value, enc_hook=str).decode())
logging.raiseExceptions = False  # when a line cannot be written, no trace with content in it follows


def log_request(route: str, status: int, topic: str, messages: int, request_id: str, seconds: float) -> None:
    """Write the line of a request, in CloudWatch's embedded metric format.

    Only the route is a dimension: AWS charges for each value of a dimension, and a publisher can invent topics.
    Powertools' Metrics need 8 times as long for the same line, and 4 ms more to import.
    """
    values = {"Duration": seconds * 1000}
    if messages:
        values["Messages"] = messages
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        values["Errors"] = 1
    facts = {"route": route, "status": status, "topic": topic, "request_id": request_id}
    _write_metrics(values, facts, ("service", "route"))


def log_partitions(kept: int, age_days: int) -> None:
    """Write the metrics of the partitions that stay past the retention: how many, and the age of the oldest in days."""
    _write_metrics({"KeptPartitions": kept, "KeptPartitionAge": age_days}, {}, ("service",))


def _write_metrics(values: Mapping[str, float], facts: Mapping[str, object], dimensions: tuple[str, ...]) -> None:
    metrics = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": _directives(*values, dimensions=dimensions)}
    line = {"service": _logger.service, **facts, **values, "_aws": metrics}
    sys.stdout.write(_encode(line).decode() + "\n")  # Lambda reads standard output
    sys.stdout.flush()


@cache
def _directives(*metrics: str, dimensions: tuple[str, ...]) -> list[dict[str, object]]:
    return [
        {
            "Namespace": settings.current().metrics_namespace,
            "Dimensions": [list(dimensions)],
            "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in metrics],
        }
    ]


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
