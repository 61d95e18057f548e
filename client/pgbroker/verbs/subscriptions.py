"""Subscribe webhooks to a topic's broadcasts, and look after the subscriptions."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from pgbroker.request import JSON, Request, body, delete, get, optional, path, post, reader
from pgbroker.types import Attempt, Page, RotatedSecret, SubscribeResult, Subscription


def subscribe(
    topic: str,
    url: str,
    *,
    name: str | None = None,
    headers: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    retry_schedule: Sequence[int] | None = None,
    ordered: bool | None = None,
    rate_per_second: int | None = None,
    backlog_days: int | None = None,
) -> Request[SubscribeResult]:
    """Let the broker post the topic's broadcasts to `url`, from the next one on. A missing topic is created.

    The result has the `secret` that signs the webhooks; it is None when the subscription exists already. Raises
    Conflict when the existing one differs in a setting that is given. Times in `retry_schedule` are seconds.
    """
    payload = optional(
        url=url,
        name=name,
        headers=headers,
        batch_size=batch_size,
        retry_schedule=retry_schedule,
        ordered=ordered,
        rate_per_second=rate_per_second,
        backlog_days=backlog_days,
    )
    return post(path("topics", topic, "subscriptions"), payload, reader(SubscribeResult))


def list_subscriptions(
    topic: str, *, limit: int | None = None, after: str | None = None
) -> Request[Page[Subscription]]:
    """List a topic's subscriptions, the oldest first, up to `limit` (100, at most 1,000) of them."""
    return get(path("topics", topic, "subscriptions", limit=limit, after=after), reader(Page[Subscription]))


def unsubscribe_url(topic: str, url: str) -> Request[None]:
    """Delete all subscriptions of the topic with this url. Raises NotFound when there is none."""
    return delete(path("topics", topic, "subscriptions", url=url))


def read_subscription(topic: str, subscription_id: str) -> Request[Subscription]:
    """Read a subscription: its settings, its state, and what is behind."""
    return get(path("topics", topic, "subscriptions", subscription_id), reader(Subscription))


def change_subscription(
    topic: str,
    subscription_id: str,
    *,
    url: str | UnsetType = UNSET,
    name: str | UnsetType = UNSET,
    headers: Mapping[str, str] | UnsetType = UNSET,
    batch_size: int | UnsetType = UNSET,
    retry_schedule: Sequence[int] | UnsetType | None = UNSET,
    ordered: bool | UnsetType = UNSET,
    rate_per_second: int | UnsetType | None = UNSET,
    backlog_days: int | UnsetType = UNSET,
    paused: bool | UnsetType = UNSET,
    disabled: Literal[False] | UnsetType = UNSET,
) -> Request[Subscription]:
    """Change the settings that are given. None: the broker's default, or no limit.

    `paused` True stops the deliveries. False resumes them, and one that waits is tried at once. `disabled` False
    enables what the broker has disabled.
    """
    payload = body(
        url=url,
        name=name,
        headers=headers,
        batch_size=batch_size,
        retry_schedule=retry_schedule,
        ordered=ordered,
        rate_per_second=rate_per_second,
        backlog_days=backlog_days,
        paused=paused,
        disabled=disabled,
    )
    target = path("topics", topic, "subscriptions", subscription_id)
    return Request("PATCH", target, reader(Subscription), payload, JSON)


def unsubscribe(topic: str, subscription_id: str) -> Request[None]:
    """Delete a subscription. Its undelivered messages are no longer sent."""
    return delete(path("topics", topic, "subscriptions", subscription_id))


def rotate_secret(topic: str, subscription_id: str, *, overlap_seconds: int | None = None) -> Request[RotatedSecret]:
    """Give a subscription a new secret. For the overlap, a day by default, webhooks are signed with the old one too."""
    target = path("topics", topic, "subscriptions", subscription_id, "rotate-secret")
    return post(target, optional(overlap_seconds=overlap_seconds), reader(RotatedSecret))


def test_subscription(topic: str, subscription_id: str) -> Request[str]:
    """Send one request to a subscription's url now, as a test, and return its webhook-id.

    `list_attempts` shows the response under it, usually within a second. Whatever it is, it changes nothing. The
    subscription may be paused or disabled.
    """
    return post(path("topics", topic, "subscriptions", subscription_id, "test"), None, _webhook_id)


def list_attempts(
    topic: str,
    subscription_id: str,
    *,
    limit: int | None = None,
    after: int | None = None,
    seq: int | None = None,
    failed: bool = False,
) -> Request[Page[Attempt]]:
    """List the requests that were sent to a subscription, with their responses, the newest first.

    With `seq` only those that sent the message at this position of the log; with `failed` only those without a
    response of 2xx, and those with a `reason`.
    """
    options = {"limit": limit, "after": after, "seq": seq, "failed": failed or None}
    return get(path("topics", topic, "subscriptions", subscription_id, "attempts", **options), reader(Page[Attempt]))


class _Test(Struct):
    webhook_id: str


def _webhook_id(answer: bytes) -> str:
    return str(reader(_Test)(answer).webhook_id)
