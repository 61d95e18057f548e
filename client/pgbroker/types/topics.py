"""Topics, with their counts, and the result of a broadcast."""

from datetime import datetime
from typing import Literal

from msgspec import Struct


class Queued(Struct, frozen=True):
    """How many messages wait: counted up to 100, beyond that an estimate."""

    waiting: int
    exact: bool
    estimate: int


class Waiting(Struct, frozen=True):
    """How many messages wait: each counted up to 10,000, beyond that an estimate of all."""

    waiting: int
    exact: bool
    estimate: int
    ready: int
    leased: int
    delayed: int


class Dead(Struct, frozen=True):
    """How many dead letters there are: counted up to 10,000, beyond that an estimate."""

    count: int
    exact: bool
    estimate: int


class ListedTopic(Struct, frozen=True):
    """A topic in a list. None: no limit of receives, dead letters without an end."""

    name: str
    broadcast: Literal["manual", "auto"]
    lease_seconds: int
    max_receives: int | None
    dead_days: int | None
    last_seq: int
    created_at: datetime
    updated_at: datetime
    queue: Queued


class Topic(Struct, frozen=True):
    """A topic and its counts. `behind`: how many messages are not delivered to the slowest subscription."""

    name: str
    broadcast: Literal["manual", "auto"]
    lease_seconds: int
    max_receives: int | None
    dead_days: int | None
    last_seq: int
    created_at: datetime
    updated_at: datetime
    queue: Waiting
    dead_letters: Dead
    oldest_ready_at: datetime | None
    subscriptions: int
    behind: int


class DeletedTopic(Struct, frozen=True):
    """What is lost with a topic: its queue, the dead letters in it, its subscriptions.

    `behind`: how many messages are not delivered to the slowest subscription.
    """

    queue: Waiting
    dead_letters: Dead
    subscriptions: int
    behind: int


class RatesStep(Struct, frozen=True):
    """What happened in the step that begins `at`. None: it was not asked for, or the broker does not know."""

    at: datetime
    published: int | None
    broadcast: int | None
    died: int | None
    attempts: int | None
    failed: int | None
    p95_ms: int | None


class Rates(Struct, frozen=True):
    """What happened in each step from `since` to `until`, the oldest first; the last step may be shorter.

    Unless `exact`, some of `published` are estimates.
    """

    at: datetime
    since: datetime
    until: datetime
    step_seconds: int
    exact: bool
    steps: list[RatesStep]


class Broadcast(Struct, frozen=True):
    """What a broadcast moved to the log: `messages`, from `first_seq` (None for nothing) to `last_seq`.

    `remaining` messages were ready, but could not be moved in the time of one request: repeat it.
    """

    messages: int
    subscriptions: int
    first_seq: int | None
    last_seq: int
    remaining: int
