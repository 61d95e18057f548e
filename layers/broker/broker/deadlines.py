"""The deadline of the current request. A function's process handles one request at a time, so there is only one."""

import time

_ends_at = float("inf")


def begin(seconds: float) -> None:
    """Start a request that has `seconds` from now on."""
    global _ends_at  # noqa: PLW0603  Lambda runs one request at a time
    _ends_at = time.monotonic() + seconds


def left() -> float:
    """Return the seconds that the request has left; infinite outside of a request."""
    return _ends_at - time.monotonic()
