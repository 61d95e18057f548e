"""Subscriptions: the webhooks to which a topic's log is pushed, each at its own pace."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from broker import database, json_input, settings
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


def not_found() -> NotFound:
    """Make the error for a subscription that its topic does not have."""
    return NotFound("the topic has no such subscription")
