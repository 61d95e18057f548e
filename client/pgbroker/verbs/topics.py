"""Topics and their settings, and broadcasts."""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from pgbroker.request import JSON, Request, body, get, nothing, path, post, reader
from pgbroker.types import Broadcast, DeletedTopic, ListedTopic, Overview, Page, Rates, Topic


def broadcast(topic: str, *, dry_run: bool = False) -> Request[Broadcast]:
    """Send all ready messages to each of the topic's subscriptions. Without a subscription nothing happens.

    The result counts what was moved to the log, not what was delivered. Repeat it while it says `remaining`.

    With `dry_run` nothing moves: `messages` is how many would, up to 10,000; with more, `remaining` is above 0.
    """
    return post(path("topics", topic, "broadcast", dry_run=dry_run or None), None, reader(Broadcast))


def read_overview(*, limit: int | None = None) -> Request[Overview]:
    """Read the live picture: rates, and up to `limit` (30, at most 100) topics, those in trouble first.

    Each topic has what waits, and its subscriptions with their lag. It is one bounded read, however many topics the
    broker has.
    """
    return get(path("overview", limit=limit), reader(Overview))


def list_topics(
    *, limit: int | None = None, after: str | None = None, search: str | None = None
) -> Request[Page[ListedTopic]]:
    """List the topics that the token covers, by name, up to `limit` (100, at most 1,000) of them.

    With `search`, only those that have it somewhere in their name, in capitals or not. Such a page may be short, or
    empty, without being the last.
    """
    return get(path("topics", limit=limit, after=after, search=search), reader(Page[ListedTopic]))


def read_topic(topic: str) -> Request[Topic]:
    """Read a topic's settings and counts."""
    return get(path("topics", topic), reader(Topic))


def list_rates(
    topic: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    step_seconds: int | None = None,
    subscription: str | None = None,
) -> Request[Rates]:
    """Count what was published, broadcast and dead-lettered in each step of a time, at most 120 steps.

    By default the last hour, in 60 steps. With the id of a `subscription` count the attempts to deliver to it instead.
    """
    options = {"since": since, "until": until, "step_seconds": step_seconds, "subscription": subscription}
    return get(path("topics", topic, "rates", **options), reader(Rates))


def put_topic(
    topic: str,
    *,
    broadcast: Literal["manual", "auto"] = "manual",
    lease_seconds: int = 30,
    max_receives: int | None = 10,
    dead_days: int | None = 30,
) -> Request[Topic]:
    """Create a topic, or set all its settings. Safe to repeat.

    `broadcast`: "auto" broadcasts soon after each publish. None: no limit of receives, dead letters without an end.
    """
    payload = body(broadcast=broadcast, lease_seconds=lease_seconds, max_receives=max_receives, dead_days=dead_days)
    return Request("PUT", path("topics", topic), reader(Topic), payload, JSON)


def change_topic(
    topic: str,
    *,
    broadcast: Literal["manual", "auto"] | UnsetType = UNSET,
    lease_seconds: int | UnsetType = UNSET,
    max_receives: int | UnsetType | None = UNSET,
    dead_days: int | UnsetType | None = UNSET,
) -> Request[Topic]:
    """Change the settings that are given. None: no limit of receives, dead letters without an end."""
    payload = body(broadcast=broadcast, lease_seconds=lease_seconds, max_receives=max_receives, dead_days=dead_days)
    return Request("PATCH", path("topics", topic), reader(Topic), payload, JSON)


def delete_topic(topic: str, *, force: bool = False, dry_run: bool = False) -> Request[DeletedTopic | None]:
    """Delete a topic. Raises Conflict while messages wait or it has subscriptions, unless `force` is true.

    With `dry_run` nothing is deleted, and the result is what would be lost with `force`. Without it is None.
    """
    target = path("topics", topic, force=force or None, dry_run=dry_run or None)
    return Request("DELETE", target, reader(DeletedTopic) if dry_run else nothing)
