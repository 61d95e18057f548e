"""Subscriptions as they are shown: their settings, their positions, and what is late or failed."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from broker import database, hidden_urls, pagination
from broker.pubsub.subscriptions import not_found


class Lost(msgspec.Struct, frozen=True):
    """The latest range of messages that a subscription will not get: it was paused or disabled for too long."""

    from_seq: int
    to_seq: int


class LastAttempt(msgspec.Struct, frozen=True):
    """The newest request that was sent to a subscription. `status` is None when no response came."""

    started_at: datetime
    status: int | None
    reason: str | None


class Subscription(msgspec.Struct, frozen=True):
    """A reader of a topic's log.

    `state` is the first that fits: `disabled`, `paused`, `waiting` (its batch failed, or a failed redelivery asked to
    wait), `active`.
    `behind` counts broadcast messages that are not delivered; `due_at` is the time of its next request (None: nothing
    is pending). Refused messages are sent again on their own (`redeliveries`) or are dead (`dead_letters`); both are
    counted up to 1,000. `last_attempt` is None when none was made within the retention. Until `old_secrets_until`,
    webhooks are also signed with the secrets from before a rotation.
    """

    id: UUID
    topic: str
    name: str
    url: str
    state: Literal["disabled", "paused", "waiting", "active"]
    headers: msgspec.Raw
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


def list_subscriptions(
    topic: str, after: UUID | None, limit: int, *, whole: bool = True
) -> pagination.Page[Subscription]:
    """List a topic's subscriptions, the oldest first, after the subscription `after`. Raises NotFound for the topic.

    Without `whole`, what may be a secret is hidden: the value of each header is null, and the url, and a name that is a
    url, is cut after its host.
    """
    found = _list(topic, None, after, limit + 1)
    return pagination.cut(found if whole else [_hide(each) for each in found], limit, "id")


def read(topic: str, subscription_id: UUID, *, whole: bool = True) -> Subscription:
    """Read one subscription, hidden as in a list. Raises NotFound."""
    if found := _list(topic, subscription_id, None, 1):
        return found[0] if whole else _hide(found[0])
    raise not_found()


def _list(topic: str, subscription_id: UUID | None, after: UUID | None, limit: int) -> list[Subscription]:
    return database.call(
        "SELECT id, topic, name, url, state, headers, batch_size, retry_schedule, ordered, rate_per_second,"
        " backlog_days, cursor, behind, redeliveries, dead_letters, lost_from_seq, lost_to_seq, failures, due_at,"
        " paused_at, disabled_at, disabled_reason, old_secrets_until, created_at, updated_at,"
        " last_attempt_at, last_attempt_status, last_attempt_reason"
        " FROM broker.list_subscriptions(%(topic)s, %(id)s::uuid, %(after)s::uuid, %(limit)s)",
        {"topic": topic, "id": subscription_id, "after": after, "limit": limit},
        _subscription,
    )


def _subscription(
    *,
    lost_from_seq: int | None,
    lost_to_seq: int | None,
    last_attempt_at: datetime | None,
    last_attempt_status: int | None,
    last_attempt_reason: str | None,
    **columns: Any,
) -> Subscription:
    lost = None if lost_from_seq is None or lost_to_seq is None else Lost(lost_from_seq, lost_to_seq)
    last = None if last_attempt_at is None else LastAttempt(last_attempt_at, last_attempt_status, last_attempt_reason)
    return Subscription(lost=lost, last_attempt=last, **columns)


def _hide(subscription: Subscription) -> Subscription:
    names = dict.fromkeys(msgspec.json.decode(subscription.headers))
    return msgspec.structs.replace(
        subscription,
        name=hidden_urls.hide_path(subscription.name),
        url=hidden_urls.hide_path(subscription.url),
        headers=msgspec.Raw(msgspec.json.encode(names)),
    )
