"""The live picture of a broker."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from pgbroker.types.subscriptions import LastAttempt


class Totals(Struct, frozen=True):
    """Running counters: the differences of two are rates. They go back when PostgreSQL's statistics are reset."""

    published: int
    broadcast: int
    consumed: int
    attempts: int


class Count(Struct, frozen=True):
    """A count; unless it is `exact` there are more."""

    count: int
    exact: bool


class CoveredTopics(Struct, frozen=True):
    """How many topics the token covers; unless it is `exact` an estimate."""

    total: int
    exact: bool


class SubscriptionOverview(Struct, frozen=True):
    """A part of a Subscription, its rate of attempts, and `p95_ms`: nineteen of twenty took no longer."""

    id: str
    name: str
    state: Literal["disabled", "paused", "waiting", "active"]
    cursor: int
    behind: int
    attempts_per_second: float | None
    p95_ms: int | None
    failures: int
    last_attempt: LastAttempt | None
    due_at: datetime | None
    paused_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


class TopicOverview(Struct, frozen=True):
    """A topic with its counts, and up to 20 of its subscriptions, the worst first."""

    topic: str
    broadcast: Literal["manual", "auto"]
    published_per_second: float | None
    ready: Count
    leased: Count
    delayed: Count
    dead_letters: Count
    oldest_ready_at: datetime | None
    last_seq: int
    subscriptions_total: Count
    subscriptions: list[SubscriptionOverview]


class Overview(Struct, frozen=True):
    """The picture at the time `at`. Rates are of the `window_seconds` before; None: they cannot be known.

    `totals` is None unless the token covers all topics.
    """

    at: datetime
    window_seconds: float
    totals: Totals | None
    published_per_second: float | None
    attempts_per_second: float | None
    failed_per_second: float | None
    topics: CoveredTopics
    items: list[TopicOverview]
