"""What the functions tell of themselves: one line a request, metric and record in one, and a trace of each failure."""

import logging
import traceback
from http import HTTPStatus

import msgspec
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

_logger = Logger(json_serializer=lambda value: msgspec.json.encode(value, enc_hook=str).decode())
_metrics = Metrics()
logging.raiseExceptions = False  # a line that cannot be written must not be followed by a trace with content in it


def request(route: str, status: int, topic: str, messages: int, request_id: str, seconds: float) -> None:
    """Write the line of a request, in CloudWatch's embedded metric format.

    Only the route is a dimension: each value of one is a metric that is paid for, and a publisher can invent topics.
    """
    _metrics.add_dimension("route", route)
    _metrics.add_metric("Duration", MetricUnit.Milliseconds, seconds * 1000)
    if messages:
        _metrics.add_metric("Messages", MetricUnit.Count, messages)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _metrics.add_metric("Errors", MetricUnit.Count, 1)
    _metrics.add_metadata("status", status)
    _metrics.add_metadata("topic", topic)
    _metrics.add_metadata("request_id", request_id)
    _metrics.flush_metrics()


def failure(error: BaseException, route: str, request_id: str) -> None:
    """Log where an error came from. Not its text, nor its causes': a database's error quotes the row."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    _logger.error(
        "the broker failed",
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        route=route,
        request_id=request_id,
        frames=frames,
    )
