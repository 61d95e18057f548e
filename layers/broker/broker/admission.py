"""IAM refuses a role that was just made: its rights come in a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

from broker import deadlines

SECONDS, PAUSE_SECONDS = 60.0, 2.0

Value = TypeVar("Value")


def persist(call: Callable[[], Value], refuses: Callable[[Exception], bool]) -> Value:
    """Call, and call again for a minute, or until the time of the invocation is up, while IAM refuses it.

    `refuses` says whether an error is such a refusal. Raises what the call raises.
    """
    ends_at = time.monotonic() + min(SECONDS, deadlines.left())
    while True:
        try:
            return call()
        except Exception as error:
            if not refuses(error) or time.monotonic() + PAUSE_SECONDS > ends_at:
                raise
        time.sleep(PAUSE_SECONDS)
