"""Subscriptions, their secrets, and the attempts to deliver to them."""

from datetime import datetime
from typing import Literal

from msgspec import Struct


class SubscribeResult(Struct, frozen=True):
    """A subscription's id. `secret` signs the webhooks; None when the subscription existed already."""

    id: str
    broadcast: Literal["manual", "auto"]
    secret: str | None = None


class Lost(Struct, frozen=True):
    """A range of the topic's log that a subscription does not get any more."""

    from_seq: int
    to_seq: int


class LastAttempt(Struct, frozen=True):
    """The newest request that was sent to a subscription. `status` is None when no response came."""

    started_at: datetime
    status: int | None
    reason: str | None


class Subscription(Struct, frozen=True):
    """A subscription: its settings, its position (`cursor`), and what is `behind` it or failed.

    To a token without the scope `subscribe`, the value of a header is None, and a url ends with `/…` after its host.
    `redeliveries` and `dead_letters` are counted up to 1,000. `due_at` is None when nothing is pending.
    """

    id: str
    topic: str
    name: str
    url: str
    state: Literal["disabled", "paused", "waiting", "active"]
    headers: dict[str, str | None]
    batch_size: int
    retry_schedule: list[int] | None
    ordered: bool
    rate_per_second: int | None
    backlog_days: int
    cursor: int
    behind: int
    redeliveries: int
    dead_letters: int
    lost: Lost | None
    failures: int
    last_attempt: LastAttempt | None
    due_at: datetime | None
    paused_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secrets_until: datetime | None
    created_at: datetime
    updated_at: datetime


class RotatedSecret(Struct, frozen=True):
    """The new secret, and until when the broker also signs with the older ones."""

    secret: str
    old_secrets_until: datetime | None


class Attempt(Struct, frozen=True):
    """One request to a subscription. `status` is None when no response came; `answer` is 1 KiB at most, or hidden.

    The positions of a test are 0.
    """

    id: int
    webhook_id: str
    first_seq: int
    last_seq: int
    attempt: int
    started_at: datetime
    duration_ms: int
    status: int | None
    reason: str | None
    answer: str | None
