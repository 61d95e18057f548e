"""The one deadline of the request at hand. A function's process answers one request at a time, so it stands here."""

import time

_ends_at = float("inf")


def begin(seconds: float) -> None:
    """Start a request that has `seconds` from now."""
    global _ends_at  # noqa: PLW0603  one request at a time is the platform's own rule
    _ends_at = time.monotonic() + seconds


def left() -> float:
    """Return the seconds that the request has left; infinite outside of one."""
    return _ends_at - time.monotonic()
