"""What `status` shows of a broker, and how it changes."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from pgbroker.broker import Broker
from pgbroker.errors import NotFound
from pgbroker.types import Subscription, Topic

PAGE = 1000
MOST_SUBSCRIPTIONS = 100
KEPT = 60  # polls
COLUMNS = ("topic.name", "topic.queue", "topic.oldest_ready_at", "topic.behind", "topic.dead_letters")  # of a table


class Status(msgspec.Struct, frozen=True):
    """A topic when it was read. `subscriptions` is None when no topic is named."""

    at: datetime
    topic: Topic
    subscriptions: list[Subscription] | None


class Survey(msgspec.Struct, frozen=True):
    """The topics in the worst state, the worst first, and how many there are in all."""

    statuses: list[Status]
    total: int


def survey(broker: Broker, topics: Sequence[str], most: int) -> Survey:
    """Read these topics and their subscriptions; without names the `most` topics in which most messages wait.

    Raises NotFound for a topic that is named.
    """
    if topics:
        named = [_status(broker.read_topic(name), subscriptions(broker, name)) for name in topics]
        return Survey(_worst_first(named), len(named))
    listed = list(broker.iterate(broker.list_topics, limit=PAGE))
    found: list[Status] = []
    for each in sorted(listed, key=lambda each: (-each.queue.estimate, each.name))[:most]:
        with suppress(NotFound):  # it was deleted after it was listed
            found.append(_status(broker.read_topic(each.name), None))
    return Survey(_worst_first(found), len(listed))


def subscriptions(broker: Broker, topic: str) -> list[Subscription]:
    """Return up to 100 subscriptions, those first that are farthest behind."""
    found = broker.list_subscriptions(topic, limit=MOST_SUBSCRIPTIONS).items
    return sorted(found, key=lambda each: (-(each.behind + each.redeliveries), each.name))


def _status(topic: Topic, found: list[Subscription] | None) -> Status:
    return Status(datetime.now(UTC), topic, found)


def _worst_first(statuses: Iterable[Status]) -> list[Status]:
    def key(status: Status) -> tuple[int, int, str]:
        topic = status.topic
        return -(topic.queue.estimate + topic.behind), -topic.dead_letters.estimate, topic.name

    return sorted(statuses, key=key)


class History:
    """The counts of topics in the last polls."""

    def __init__(self) -> None:
        self._points: dict[str, deque[tuple[float, int, int]]] = {}

    def add(self, found: Survey) -> None:
        now = time.monotonic()
        names = {status.topic.name for status in found.statuses}
        self._points = {name: points for name, points in self._points.items() if name in names}
        for status in found.statuses:
            points = self._points.setdefault(status.topic.name, deque(maxlen=KEPT))
            points.append((now, status.topic.queue.estimate, status.topic.last_seq))

    def waiting(self, topic: str) -> list[int]:
        """Return how many messages waited in each poll, the oldest first."""
        return [waiting for _, waiting, _ in self._points.get(topic, ())]

    def rates(self, topic: str) -> tuple[float, float] | None:
        """Return how the queue grew and how many messages were broadcast, a second, since the last poll."""
        points = list(self._points.get(topic, ()))
        if len(points) < 2:  # noqa: PLR2004  a difference is between two
            return None
        (before, waiting_before, seq_before), (now, waiting, seq) = points[-2:]
        seconds = now - before
        return (waiting - waiting_before) / seconds, (seq - seq_before) / seconds
