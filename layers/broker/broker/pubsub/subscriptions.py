"""Subscriptions: the webhooks to which a topic's log is pushed, each at its own pace."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from broker import database, hidden_urls, json_input, pagination, settings
from broker.errors import Conflict, Fault, InvalidInput, NotFound
from broker.webhooks import addresses, headers, signatures

MAX_NAME_BYTES = 2048  # an index of PostgreSQL takes no more than 2,704
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME_BYTES)]
Headers = Annotated[
    dict[
        Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")],
        Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,1024}\Z")],
    ],
    msgspec.Meta(max_length=20),
]
Url = Annotated[str, msgspec.Meta(extra_json_schema={"format": "uri"})]
BatchSize = Annotated[int, msgspec.Meta(ge=1, le=1000)]
RetrySchedule = Annotated[list[Annotated[int, msgspec.Meta(ge=1, le=604_800)]], msgspec.Meta(max_length=20)]
RatePerSecond = Annotated[int, msgspec.Meta(ge=1, le=1000)]
BacklogDays = Annotated[int, msgspec.Meta(ge=1, le=365)]


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The request to subscribe a webhook. `name` defaults to the url, `batch_size` to 100 messages a request.

    `retry_schedule` has the seconds between attempts, `rate_per_second` the most requests. A refused message is sent
    again on its own, unless the subscription is `ordered`: then it blocks those behind it. A paused or disabled
    subscription keeps undelivered messages for `backlog_days` (30).

    A new setting goes into Subscribe, Change and Subscription, a migration, subscribe.sql, change_subscription.sql,
    list_subscriptions.sql, subscription_settings.sql and openapi.yaml.
    """

    url: Url
    name: Name | None = None
    headers: Headers | None = None
    batch_size: BatchSize | None = None
    retry_schedule: RetrySchedule | None = None
    ordered: bool | None = None
    rate_per_second: RatePerSecond | None = None
    backlog_days: BacklogDays | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a subscription to change. `disabled` false enables one that the broker has disabled.

    `retry_schedule` null: the broker's own. `rate_per_second` null: no limit.
    """

    url: Url | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    headers: Headers | msgspec.UnsetType = msgspec.UNSET
    batch_size: BatchSize | msgspec.UnsetType = msgspec.UNSET
    retry_schedule: RetrySchedule | msgspec.UnsetType | None = msgspec.UNSET
    ordered: bool | msgspec.UnsetType = msgspec.UNSET
    rate_per_second: RatePerSecond | msgspec.UnsetType | None = msgspec.UNSET
    backlog_days: BacklogDays | msgspec.UnsetType = msgspec.UNSET
    paused: bool | msgspec.UnsetType = msgspec.UNSET
    disabled: Literal[False] | msgspec.UnsetType = msgspec.UNSET


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


class Subscribed(msgspec.Struct, frozen=True):
    """The response to a subscriber. `secret` signs the webhooks; it is shown once, to the request that `created` it.

    `due`: the topic is an auto topic, so Dispatch must be notified.
    """

    id: UUID
    broadcast: str
    secret: str | None
    created: bool
    due: bool


class _Subscribed(msgspec.Struct, frozen=True):
    id: UUID
    created: bool
    conflict: bool
    broadcast: str
    due: bool


def subscribe(topic: str, request: Subscribe, token_id: UUID | None = None) -> Subscribed:
    """Register a webhook for later broadcasts of `topic`. Safe to repeat.

    When the topic is missing it is created, and counts for the token. Raises InvalidInput for a url that may not be a
    webhook; Conflict when the name exists with other settings, or the token has created too many topics.
    """
    _check(request.url, request.headers, request.name)
    secret = signatures.new_secret()
    given = {
        name: value for name, value in msgspec.structs.asdict(request).items() if name != "name" and value is not None
    }
    [found] = database.call(
        "SELECT id, created, conflict, broadcast, due"
        " FROM broker.subscribe(%(topic)s, %(name)s::text, %(secret)s, %(settings)s::jsonb, %(token_id)s::uuid)",
        {
            "topic": topic,
            "name": request.name,
            "secret": secret,
            "settings": msgspec.json.encode(given).decode(),
            "token_id": token_id,
        },
        _Subscribed,
    )
    if found.conflict:
        raise Conflict(
            f"the subscription {found.id} has this name and other settings; choose another name, or change that"
            " subscription with PATCH"
        )
    return Subscribed(found.id, found.broadcast, secret if found.created else None, found.created, found.due)


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


def change(topic: str, subscription_id: UUID, changes: Change) -> bool:
    """Change the settings given; return whether something may be due now, because it was resumed, enabled or moved.

    Raises NotFound, InvalidInput, Conflict.
    """
    url = None if changes.url is msgspec.UNSET else changes.url
    name = None if changes.name is msgspec.UNSET else changes.name
    _check(url, None if changes.headers is msgspec.UNSET else changes.headers, name)
    due: bool | None = database.value(
        "SELECT broker.change_subscription(%(topic)s, %(id)s, %(changes)s::jsonb)",
        {"topic": topic, "id": subscription_id, "changes": msgspec.json.encode(changes).decode()},
    )
    if due is None:
        raise not_found()
    return due


def test(topic: str, subscription_id: UUID) -> str:
    """Return the webhook-id of a new test, which Dispatch must be asked to send. Raises NotFound."""
    webhook_id: str | None = database.value(
        "SELECT broker.test_subscription(%(topic)s, %(id)s)", {"topic": topic, "id": subscription_id}
    )
    if webhook_id is None:
        raise not_found()
    return webhook_id


def unsubscribe(topic: str, subscription_id: UUID | None = None, url: str | None = None) -> int:
    """Delete a subscription by its id, or all with a url; return how many. Raises NotFound when there is none."""
    removed: int = database.value(
        "SELECT broker.unsubscribe(%(topic)s, %(id)s::uuid, %(url)s::text)",
        {"topic": topic, "id": subscription_id, "url": url},
    )
    if not removed:
        raise not_found()
    return removed


def _check(url: str | None, own_headers: Mapping[str, str] | None, name: str | None) -> None:
    faults = [
        Fault("the broker sets this header itself", f"/headers/{json_input.escape(name)}")
        for name in own_headers or {}
        if headers.is_reserved(name)
    ]
    allow_private = settings.current().allow_private_webhooks
    if url is not None and (fault := addresses.url_fault(url, allow_private=allow_private)):
        faults.append(Fault(fault, "/url"))
    if name is not None and len(name.encode()) > MAX_NAME_BYTES:
        faults.append(Fault(f"has over {MAX_NAME_BYTES} bytes", "/name"))
    if faults:
        raise InvalidInput("the subscription is not valid", faults=faults)


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


def not_found() -> NotFound:
    """Make the error for a subscription that its topic does not have."""
    return NotFound("the topic has no such subscription")
