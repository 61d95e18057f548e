"""Which errors are worth another try, and when."""

import math
import random
import time
from collections.abc import Callable

from pgbroker.errors import BrokerError, Busy, NotReached, Problem

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 10.0
STATUSES = {429, 502, 503, 504}  # the broker, or what is before it, cannot do it now


class Tries:
    """The tries of one request, all of them within `deadline_seconds` from the first.

    Every request is safe to repeat: a publish has an idempotency key, and the others do nothing the second time. What
    the broker refuses is final. `Retry-After` is waited for in full; when it leads past the deadline, the error is
    raised at once. Without it the pauses double, each up to half shorter by chance, so that clients spread.
    """

    def __init__(self, deadline_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock() + deadline_seconds
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._paused = False

    @property
    def seconds_left(self) -> float:
        """How long a try may take: the first as long as it needs, others until the deadline, at least a second."""
        return max(1.0, self._ends_at - self._clock()) if self._paused else math.inf

    def pause(self, error: BrokerError) -> float:
        """Return how many seconds to wait before the next try. Raises the error when there is none."""
        if not is_temporary(error):
            raise error
        asked = error.retry_after if isinstance(error, Problem) else None
        pause = self._pause_seconds * random.uniform(0.5, 1) if asked is None else asked  # noqa: S311  no secret
        if self._clock() + pause > self._ends_at:
            raise error
        self._paused = True
        self._pause_seconds = min(2 * self._pause_seconds, MAX_PAUSE_SECONDS)
        return pause


def is_temporary(error: BrokerError) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, Busy):
        return error.retry_after is not None
    return isinstance(error, NotReached) or (isinstance(error, Problem) and error.status in STATUSES)
