"""Subscriptions: the webhooks that a topic's broadcasts are pushed to, each reading the log at its own pace."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from broker import database, json_input, settings
from broker.errors import Conflict, Fault, InvalidInput, NotFound
from broker.webhooks import addresses, signatures

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
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
OwedDays = Annotated[int, msgspec.Meta(ge=1, le=365)]

# The broker's own, and those by which one request could be read as two.
RESERVED_HEADER = re.compile(
    r"host|content-length|content-type|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|proxy-.*|webhook-.*",
    re.IGNORECASE,
)


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The request to be told of broadcasts. `name` defaults to the url, `batch_size` to 100 messages a request.

    `retry_schedule` are the seconds between tries, `rate_per_second` the requests at most. What it refuses is sent on
    its own later, unless it is `ordered`: then nothing comes before it. Paused or disabled, it is owed what is younger
    than `owed_days` (30).
    """

    url: Url
    name: Name | None = None
    headers: Headers | None = None
    batch_size: BatchSize | None = None
    retry_schedule: RetrySchedule | None = None
    ordered: bool | None = None
    rate_per_second: RatePerSecond | None = None
    owed_days: OwedDays | None = None


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a subscription to change. `disabled` false tries again one that the broker has given up.

    `retry_schedule` null is the broker's own, `rate_per_second` null no limit.
    """

    url: Url | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    headers: Headers | msgspec.UnsetType = msgspec.UNSET
    batch_size: BatchSize | msgspec.UnsetType = msgspec.UNSET
    retry_schedule: RetrySchedule | msgspec.UnsetType | None = msgspec.UNSET
    ordered: bool | msgspec.UnsetType = msgspec.UNSET
    rate_per_second: RatePerSecond | msgspec.UnsetType | None = msgspec.UNSET
    owed_days: OwedDays | msgspec.UnsetType = msgspec.UNSET
    paused: bool | msgspec.UnsetType = msgspec.UNSET
    disabled: Literal[False] | msgspec.UnsetType = msgspec.UNSET

    def resumes(self) -> bool:
        """Whether what was held back may now be due."""
        return self.paused is False or self.disabled is False or self.url is not msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Lost:
    """What a subscription will not get: broadcast while it was paused or disabled, and not owed to it any more."""

    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """A reader of a topic's log. `behind` counts what is broadcast and not delivered; `due_at` is its next try.

    What it refused is tried again on its own (`redeliveries`), or was given up (`dead_letters`); both counted to 1,000.
    Until `old_secrets_until` webhooks are signed with secrets from before a rotation too.
    """

    id: UUID
    topic: str
    name: str
    url: str
    headers: msgspec.Raw
    batch_size: int
    retry_schedule: list[int] | None
    ordered: bool
    rate_per_second: int | None
    owed_days: int
    cursor: int
    behind: int
    redeliveries: int
    dead_letters: int
    lost: Lost | None
    failures: int
    due_at: datetime | None
    paused_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secrets_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The answer to a subscriber. `secret`, which signs what is pushed, is shown once, when it was `created`."""

    id: UUID
    broadcast: str
    secret: str | None
    created: bool


@dataclass(frozen=True, slots=True)
class _Subscribed:
    id: UUID
    created: bool
    conflict: bool
    broadcast: str


@dataclass(frozen=True, slots=True)
class _Changed:
    changed: bool


@dataclass(frozen=True, slots=True)
class _Removed:
    removed: int


def subscribe(topic: str, wish: Subscribe) -> Subscribed:
    """Register a webhook for the coming broadcasts of `topic`, which is created when missing. Safe to repeat.

    Raises InvalidInput for a url that may not be a webhook; Conflict when the name stands with other settings.
    """
    _check(wish.url, wish.headers)
    secret = signatures.new_secret()
    given = {
        name: value for name, value in msgspec.structs.asdict(wish).items() if name != "name" and value is not None
    }
    [found] = database.call(
        "SELECT id, created, conflict, broadcast"
        " FROM broker.subscribe(%(topic)s, %(name)s::text, %(secret)s, %(settings)s::jsonb)",
        {"topic": topic, "name": wish.name, "secret": secret, "settings": msgspec.json.encode(given).decode()},
        _Subscribed,
    )
    if found.conflict:
        raise Conflict(f"the subscription {found.id} has this name and other settings; give another name, or change it")
    return Subscribed(found.id, found.broadcast, secret if found.created else None, found.created)


def listed(topic: str, after: UUID | None, limit: int) -> list[Subscription]:
    """List a topic's subscriptions in the order in which they were made. Raises NotFound for the topic."""
    return _list(topic, None, after, limit)


def read(topic: str, subscription_id: UUID) -> Subscription:
    """Read one subscription. Raises NotFound."""
    if found := _list(topic, subscription_id, None, 1):
        return found[0]
    raise not_found()


def change(topic: str, subscription_id: UUID, wish: Change) -> None:
    """Change the settings given. Resumed or enabled, it is due at once. Raises NotFound, InvalidInput, Conflict."""
    _check(None if wish.url is msgspec.UNSET else wish.url, None if wish.headers is msgspec.UNSET else wish.headers)
    [result] = database.call(
        "SELECT broker.change_subscription(%(topic)s, %(id)s, %(changes)s::jsonb) AS changed",
        {"topic": topic, "id": subscription_id, "changes": msgspec.json.encode(wish).decode()},
        _Changed,
    )
    if not result.changed:
        raise not_found()


def unsubscribe(topic: str, subscription_id: UUID | None = None, url: str | None = None) -> int:
    """Remove a subscription by its id, or all with a url; returns how many. Raises NotFound when there was none."""
    [result] = database.call(
        "SELECT broker.unsubscribe(%(topic)s, %(id)s::uuid, %(url)s::text) AS removed",
        {"topic": topic, "id": subscription_id, "url": url},
        _Removed,
    )
    if not result.removed:
        raise not_found()
    return result.removed


def _check(url: str | None, headers: Mapping[str, str] | None) -> None:
    faults = [
        Fault("the broker sets this header itself", f"/headers/{json_input.escape(name)}")
        for name in headers or {}
        if RESERVED_HEADER.fullmatch(name)
    ]
    allow_private = settings.current().allow_private_webhooks
    if url is not None and (fault := addresses.url_fault(url, allow_private=allow_private)):
        faults.append(Fault(fault, "/url"))
    if faults:
        raise InvalidInput("the subscription is not valid", faults=faults)


def _list(topic: str, subscription_id: UUID | None, after: UUID | None, limit: int) -> list[Subscription]:
    return database.call(
        "SELECT id, topic, name, url, headers, batch_size, retry_schedule, ordered, rate_per_second, owed_days, cursor,"
        " behind, redeliveries, dead_letters, lost_from_seq, lost_to_seq, failures, due_at, paused_at, disabled_at,"
        " disabled_reason, old_secrets_until, created_at, updated_at"
        " FROM broker.list_subscriptions(%(topic)s, %(id)s::uuid, %(after)s::uuid, %(limit)s)",
        {"topic": topic, "id": subscription_id, "after": after, "limit": limit},
        _subscription,
    )


def _subscription(*, lost_from_seq: int | None, lost_to_seq: int | None, **columns: Any) -> Subscription:
    lost = None if lost_from_seq is None or lost_to_seq is None else Lost(lost_from_seq, lost_to_seq)
    return Subscription(lost=lost, **columns)


def not_found() -> NotFound:
    """Make the error about a subscription that its topic does not have."""
    return NotFound("the topic has no such subscription")
