"""Topics: their settings, and counts of what is in them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from broker import database, pagination
from broker.fields import LeaseSeconds

Mode = Literal["manual", "auto"]  # when the broker broadcasts: when asked, or soon after each publish
MaxReceives = Annotated[int, msgspec.Meta(ge=1, le=1000)]
DeadDays = Annotated[int, msgspec.Meta(ge=1, le=365)]


class Put(msgspec.Struct, forbid_unknown_fields=True):
    """All settings of a topic: those left out take their defaults. `max_receives` null: no limit.

    `broadcast` auto: the broker broadcasts soon after each publish, as long as there is a subscription. Dead letters
    are deleted after `dead_days`; null: never.

    A new setting goes into Put, Patch and ListedTopic, a migration, put_topic.sql, change_topic.sql, list_topics.sql,
    read_topic.sql and openapi.yaml.
    """

    broadcast: Mode = "manual"
    lease_seconds: LeaseSeconds = 30
    max_receives: MaxReceives | None = 10
    dead_days: DeadDays | None = 30


class Patch(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a topic to change."""

    broadcast: Mode | msgspec.UnsetType = msgspec.UNSET
    lease_seconds: LeaseSeconds | msgspec.UnsetType = msgspec.UNSET
    max_receives: MaxReceives | msgspec.UnsetType | None = msgspec.UNSET
    dead_days: DeadDays | msgspec.UnsetType | None = msgspec.UNSET


class Queued(msgspec.Struct, frozen=True):
    """How many messages wait. `waiting` is exact up to 10,000 (in a list 100); above, `estimate` is the planner's."""

    waiting: int
    exact: bool
    estimate: int


class Waiting(Queued, frozen=True):
    """What waits, by whether a consumer would get it now: `ready`, `leased` or `delayed`, each exact up to 10,000."""

    ready: int
    leased: int
    delayed: int


class Dead(msgspec.Struct, frozen=True):
    """How many dead letters there are, counted as in Queued."""

    count: int
    exact: bool
    estimate: int


class ListedTopic(msgspec.Struct, frozen=True):
    """A topic as in a list: its settings, and how many messages wait."""

    name: str
    broadcast: str
    lease_seconds: int
    max_receives: int | None
    dead_days: int | None
    last_seq: int
    created_at: datetime
    updated_at: datetime
    queue: Queued


class Topic(ListedTopic, frozen=True):
    """A topic with all counts. `oldest_ready_at` is None when nothing is ready; `behind` is the slowest reader's."""

    queue: Waiting
    dead_letters: Dead
    oldest_ready_at: datetime | None
    subscriptions: int
    behind: int


class Delete(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a topic's deletion. With `dry_run` what would be lost is only counted."""

    force: bool = False
    dry_run: bool = False


class DeletedTopic(msgspec.Struct, frozen=True):
    """What is lost with a topic: its queue, the dead letters in it, its subscriptions.

    `behind` counts the broadcast messages that are not delivered to the slowest subscription.
    """

    queue: Waiting
    dead_letters: Dead
    subscriptions: int
    behind: int


class Saved(msgspec.Struct, frozen=True):
    """Whether a topic was `created`. `due`: something in it may be, so Dispatch must be notified."""

    created: bool
    due: bool


def list_topics(
    patterns: list[str], after: str | None, limit: int, search: str | None = None
) -> pagination.Page[ListedTopic]:
    """List the topics that the patterns cover by name, after the topic `after`; only those with `search` in their name.

    A page of a search may be short, or empty, without being the last: a call reads 10,000 names.
    """
    found = pagination.call(
        "SELECT name, broadcast, lease_seconds, max_receives, dead_days, last_seq, created_at, updated_at,"
        " waiting, exact, estimate, next"
        " FROM broker.list_topics(%(patterns)s::text[], %(after)s::text, %(limit)s, %(search)s::text)",
        {"patterns": patterns, "after": after, "limit": limit + 1, "search": search},
        _listed_topic,
    )
    return pagination.cut(found.items, limit, "name") if found.next is None else found


def read(topic: str) -> Topic:
    """Read a topic with its counts. Raises NotFound."""
    [found] = database.call(
        "SELECT name, broadcast, lease_seconds, max_receives, dead_days, last_seq, created_at, updated_at,"
        " waiting, exact, estimate, ready, leased, delayed, dead, dead_exact, dead_estimate, oldest_ready_at,"
        " subscriptions, behind"
        " FROM broker.read_topic(%(topic)s)",
        {"topic": topic},
        _topic,
    )
    return found


def put(topic: str, settings: Put, token_id: UUID | None = None) -> Saved:
    """Create a topic with these settings, or set them on the existing one. A new topic counts for the token.

    Raises Conflict when the token has created too many.
    """
    [saved] = database.call(
        "SELECT created, due FROM broker.put_topic("
        "%(topic)s, %(broadcast)s, %(lease_seconds)s, %(max_receives)s::integer,"
        " %(dead_days)s::integer, %(token_id)s::uuid)",
        {"topic": topic, "token_id": token_id, **msgspec.structs.asdict(settings)},
        Saved,
    )
    return saved


def change(topic: str, changes: Patch) -> bool:
    """Change the settings given; return whether something may be due now, because it became an auto topic.

    Messages keep the `max_receives` that they were published with. Raises NotFound.
    """
    due: bool = database.value(
        "SELECT broker.change_topic(%(topic)s, %(changes)s::jsonb)",
        {"topic": topic, "changes": msgspec.json.encode(changes).decode()},
    )
    return due


def delete(topic: str, query: Delete) -> DeletedTopic | None:
    """Delete a topic; its name is free at once. With `dry_run`, return what would be lost with `force`.

    Raises NotFound; Conflict while messages wait in it or a subscription exists, unless `force`; Busy while another
    transaction uses it, such as a publish.
    """
    if query.dry_run:
        found = read(topic)
        return DeletedTopic(found.queue, found.dead_letters, found.subscriptions, found.behind)
    database.value("SELECT broker.delete_topic(%(topic)s, %(force)s)", {"topic": topic, "force": query.force})
    return None


def _listed_topic(*, waiting: int, exact: bool, estimate: int, **settings: Any) -> ListedTopic:
    return ListedTopic(queue=Queued(waiting, exact, estimate), **settings)


def _topic(
    *,
    waiting: int,
    exact: bool,
    estimate: int,
    ready: int,
    leased: int,
    delayed: int,
    dead: int,
    dead_exact: bool,
    dead_estimate: int,
    **rest: Any,
) -> Topic:
    return Topic(
        queue=Waiting(waiting, exact, estimate, ready, leased, delayed),
        dead_letters=Dead(dead, dead_exact, dead_estimate),
        **rest,
    )
