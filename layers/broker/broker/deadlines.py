"""The deadline of the current request, and how long its steps may take.

A function's process handles one request at a time, so there is only one deadline. A step that may take long is begun
only while there is time for it: `if deadlines.allow(deadlines.STEP_SECONDS)`.
"""

import time
from typing import Protocol

RESPOND_SECONDS = 2  # of a function's time: to make the response, and for Lambda to send it
CONNECT_SECONDS = 60  # a database that sleeps answers by then
STATEMENT_SECONDS = 10  # then the database ends a statement
STEP_SECONDS = STATEMENT_SECONDS + 2  # one more statement of many, and what its result is needed for
CLAIM_SECONDS = 3  # the last claim of a long poll
PLAN_SECONDS = 10  # to plan once more, and to send the jobs
POST_SECONDS = 15  # then a POST is given up
DELIVER_SECONDS = POST_SECONDS + 2  # a POST, and sending its outcome

_ends_at = float("inf")


class Invocation(Protocol):
    """What Lambda says about an invocation."""

    def get_remaining_time_in_millis(self) -> int: ...


def begin_invocation(context: Invocation) -> None:
    """Start a request that has the time of its invocation, less what the response takes."""
    begin(context.get_remaining_time_in_millis() / 1000 - RESPOND_SECONDS)


def begin(seconds: float) -> None:
    """Start a request that has `seconds` from now on."""
    global _ends_at  # noqa: PLW0603  Lambda runs one request at a time
    _ends_at = time.monotonic() + seconds


def left() -> float:
    """Return the seconds that the request has left; infinite outside of a request."""
    return _ends_at - time.monotonic()


def allow(seconds: float) -> bool:
    """Whether the request has time for a step of so many seconds."""
    return left() > seconds
