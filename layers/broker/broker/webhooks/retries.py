"""When the next attempt follows a failed one."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# Standard Webhooks' example schedule: ten attempts over 75.6 hours.
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
MAX_RETRY_AFTER = timedelta(days=365)


def delay(
    failures: int, schedule: Sequence[timedelta] = SCHEDULE, *, chance: Callable[[], float] = random.random
) -> timedelta | None:
    """How long to wait after `failures` failed attempts in a row; None when the schedule is exhausted.

    `failures` is 1 after the first failed attempt. `chance`, a number from 0 up to 1, moves the wait by up to 10 %
    either way, so that requests which failed together are not repeated together.
    """
    if failures < 1:
        raise ValueError("a delay follows at least one failure")
    if failures > len(schedule):
        return None
    return schedule[failures - 1] * (0.9 + 0.2 * chance())


def retry_after(header: str | None, now: datetime) -> timedelta:
    """How long a Retry-After header asks to wait from `now` (RFC 9110, 10.2.3): seconds or a date, a year at most.

    Zero when the header is missing, past or cannot be read.
    """
    text = (header or "").strip()
    if not text:
        return timedelta()
    if text.isascii() and text.isdecimal():
        return timedelta(seconds=min(int(text[:12]), MAX_RETRY_AFTER.total_seconds()))
    try:
        at = parsedate_to_datetime(text)
        return min(max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta()), MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return timedelta()
