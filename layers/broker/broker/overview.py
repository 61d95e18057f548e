"""The live picture: what is published, delivered and late at this moment, and the topics that need a look first."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from broker import database, hidden_urls, pagination
from broker.pubsub.reading import LastAttempt


class Read(msgspec.Struct, forbid_unknown_fields=True):
    """The query of the overview: how many topics it has at most."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 30


class Totals(msgspec.Struct, frozen=True):
    """Counters that only rise, but for a reset. Their differences are rates; one figure alone says nothing.

    `consumed` is what left the queue and was not broadcast. They are PostgreSQL's statistics: a second late, and with
    what was rolled back.
    """

    published: int
    broadcast: int
    consumed: int
    attempts: int


class Count(msgspec.Struct, frozen=True):
    """A count. When it is not `exact`, there are more."""

    count: int
    exact: bool


class CoveredTopics(msgspec.Struct, frozen=True):
    """How many topics the token covers: exact up to 1,000, above it the planner's estimate."""

    total: int
    exact: bool


class SubscriptionOverview(msgspec.Struct, frozen=True):
    """A subscription as in Subscription, and its attempts that ended in the window. `p95_ms` None: there was none."""

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


class TopicOverview(msgspec.Struct, frozen=True):
    """A topic, its messages by state, each exact up to 1,000, and up to 20 subscriptions, the worst first.

    Of up to 70 subscriptions that are farthest behind these are disabled, waiting, paused, or else farthest behind.
    """

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


class Overview(msgspec.Struct, frozen=True):
    """The picture at the time `at` of the database; rates are of the `window_seconds` before.

    A rate is None when it cannot be known: more was published in a tenth of a second than is read, or, of attempts,
    there are more than 1,000 subscriptions. `totals` is None unless the token covers all topics.
    """

    at: datetime
    window_seconds: float
    totals: Totals | None
    published_per_second: float | None
    attempts_per_second: float | None
    failed_per_second: float | None
    topics: CoveredTopics
    items: list[TopicOverview]


_decode = msgspec.json.Decoder(Overview).decode


def read(patterns: list[str], query: Read, *, whole: bool = True) -> Overview:
    """Read the picture of the topics that the patterns cover, as many as asked for, those in trouble first.

    It has fewer when they would not fit into Lambda's response. Without `whole`, the name of a subscription that is a
    url is cut after its host: it may have a secret.
    """
    document: msgspec.Raw = database.value(
        "SELECT broker.overview(%(patterns)s::text[], %(limit)s)", {"patterns": patterns, "limit": query.limit}
    )
    found = _decode(document)
    items = found.items if whole else [_hide(item) for item in found.items]
    return msgspec.structs.replace(found, items=pagination.cut(items, query.limit, "topic").items)


def _hide(item: TopicOverview) -> TopicOverview:
    hidden = [msgspec.structs.replace(each, name=hidden_urls.hide_path(each.name)) for each in item.subscriptions]
    return msgspec.structs.replace(item, subscriptions=hidden)
