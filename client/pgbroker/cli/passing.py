"""Errors of the broker that pass, for commands that go on for hours."""

from pgbroker.errors import BrokerError, Problem, UnexpectedAnswer
from pgbroker.retries import FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, is_temporary

SERVER_ERRORS = 500  # and above


def passes(error: BrokerError, *, connected: bool) -> bool:
    """Whether it may work again later. `connected`: it worked before, so its address is right."""
    if is_temporary(error):
        return True
    is_server = isinstance(error, UnexpectedAnswer) or (isinstance(error, Problem) and error.status >= SERVER_ERRORS)
    return connected and is_server


def pause(error: BrokerError, failures: int) -> float:
    """Return how many seconds to wait after so many failures in a row: as long as the broker asks, or 0.2 to 10 s."""
    asked = error.retry_after if isinstance(error, Problem) else None
    return min(FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 10), MAX_PAUSE_SECONDS) if asked is None else asked
