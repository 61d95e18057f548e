"""Wake-ups: what tells dispatch that there may be something to move, or to send."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

LONGEST_DELAY = timedelta(seconds=900)  # SQS's own
SHORT = timedelta(seconds=0.5)  # SQS has whole seconds only, so that much is waited for by who takes the wake-up


class Wake(msgspec.Struct, frozen=True, omit_defaults=True):
    """Look at `topic`, or (None) at all; not before `not_before`.

    `afresh` says that the delayed wake-up which was under way may be lost, so that another is sent for what is owed.
    """

    topic: str | None = None
    not_before: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    afresh: bool = False

    def delay(self, now: datetime) -> timedelta:
        """How long SQS shall keep it: whole seconds, 15 minutes at most. Zero when its time is come, or SHORT away."""
        if self.not_before is None or self.not_before - now <= SHORT:
            return timedelta()
        seconds = -((now - self.not_before) // timedelta(seconds=1))  # rounded up
        return min(LONGEST_DELAY, timedelta(seconds=seconds))


def body(wake: Wake) -> str:
    """Write a wake-up as dispatch reads it."""
    return msgspec.json.encode({"wake": wake}).decode()


def later(moment: datetime) -> Wake:
    """Make the wake-up for what is due at `moment`, of whatever topic."""
    return Wake(not_before=max(moment.astimezone(UTC), datetime.now(UTC) + timedelta(seconds=1)))
