"""What requests take and responses have, named as in the broker's contract.

Ids are texts, times are datetimes in UTC. Fields that a newer broker adds are ignored.
"""

from typing import Generic, TypeVar

from msgspec import Struct

from pgbroker.types.about import Contract, Health, Root
from pgbroker.types.messages import (
    DeadLetter,
    Deleted,
    Delivery,
    Extend,
    Found,
    HistoryMessage,
    Leased,
    LeasedMessage,
    Message,
    Redriven,
    Reject,
    Release,
    Resent,
    Settled,
    TracedMessage,
    WaitingMessage,
)
from pgbroker.types.overview import (
    Count,
    CoveredTopics,
    Overview,
    SubscriptionOverview,
    TopicOverview,
    Totals,
)
from pgbroker.types.subscriptions import Attempt, LastAttempt, Lost, RotatedSecret, SubscribeResult, Subscription
from pgbroker.types.tokens import ListedToken, MintedToken, Scope
from pgbroker.types.topics import Broadcast, Dead, DeletedTopic, ListedTopic, Queued, Rates, RatesStep, Topic, Waiting

Item = TypeVar("Item")


class Page(Struct, Generic[Item], frozen=True):
    """A page of a list. `next` is the `after` of the next page, None on the last one."""

    items: list[Item]
    next: str | int | None


__all__ = [
    "Attempt",
    "Broadcast",
    "Contract",
    "Count",
    "CoveredTopics",
    "Dead",
    "DeadLetter",
    "Deleted",
    "DeletedTopic",
    "Delivery",
    "Extend",
    "Found",
    "Health",
    "HistoryMessage",
    "LastAttempt",
    "Leased",
    "LeasedMessage",
    "ListedToken",
    "ListedTopic",
    "Lost",
    "Message",
    "MintedToken",
    "Overview",
    "Page",
    "Queued",
    "Rates",
    "RatesStep",
    "Redriven",
    "Reject",
    "Release",
    "Resent",
    "Root",
    "RotatedSecret",
    "Scope",
    "Settled",
    "SubscribeResult",
    "Subscription",
    "SubscriptionOverview",
    "Topic",
    "TopicOverview",
    "Totals",
    "TracedMessage",
    "Waiting",
    "WaitingMessage",
]
