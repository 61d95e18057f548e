"""When a failed push is tried again."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

# Standard Webhooks' example schedule: ten tries over 75.6 hours.
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)


def delay(
    failures: int, schedule: Sequence[timedelta] = SCHEDULE, *, chance: Callable[[], float] = random.random
) -> timedelta | None:
    """How long to wait after `failures` failed tries in a row, or None when the schedule is used up.

    `failures` is 1 after the first failed try. `chance`, a number from 0 up to 1, moves the wait by up to 10 % either
    way, so that those who failed together do not come back together.
    """
    if failures < 1:
        raise ValueError("a delay follows at least one failure")
    if failures > len(schedule):
        return None
    return schedule[failures - 1] * (0.9 + 0.2 * chance())
