"""When a failed push is tried again."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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
LONGEST = timedelta(days=365)


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


def retry_after(retry_after: str | None, now: datetime) -> timedelta:
    """How long a Retry-After header asks to wait from `now` (RFC 9110, 10.2.3): seconds or a date, a year at most.

    Zero when it is missing, past or cannot be read.
    """
    text = (retry_after or "").strip()
    if not text:
        return timedelta()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:12]), LONGEST.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
        return min(max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta()), LONGEST)
    except (ValueError, OverflowError):
        return timedelta()
