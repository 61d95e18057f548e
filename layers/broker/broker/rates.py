"""The rates of a topic, or of one of its subscriptions: what happened in each step of a time."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from broker import database
from broker.fields import Time


class List(msgspec.Struct, forbid_unknown_fields=True):
    """The query of the rates: a time, the length of its steps, and one subscription only."""

    since: Time | None = None
    until: Time | None = None
    step_seconds: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] | None = None
    subscription: UUID | None = None


class RatesStep(msgspec.Struct, frozen=True):
    """How many messages, or attempts, there were in the step that begins `at`. None: it cannot be known."""

    at: datetime
    published: int | None
    broadcast: int | None
    died: int | None
    attempts: int | None
    failed: int | None
    p95_ms: int | None


class Rates(msgspec.Struct, frozen=True):
    """The steps from `since` to `until`, the oldest first. Unless `exact`, some of `published` are estimates."""

    at: datetime
    since: datetime
    until: datetime
    step_seconds: int
    exact: bool
    steps: list[RatesStep]


def list_rates(topic: str, query: List) -> Rates:
    """Count what happened in each step: in the topic, or with `subscription` the attempts to deliver to it.

    By default the last hour, in 60 steps. Raises InvalidInput for more than 120 steps, and when `since` is not before
    `until`; NotFound for an unknown topic or subscription.
    """
    [found] = database.call(
        "SELECT at, since, until, step_seconds, exact, steps"
        " FROM broker.list_rates(%(topic)s, %(since)s::timestamptz, %(until)s::timestamptz, %(step_seconds)s::integer,"
        " %(subscription)s::uuid)",
        {"topic": topic, **msgspec.structs.asdict(query)},
        _rates,
    )
    return found


def _rates(*, steps: msgspec.Raw, **columns: Any) -> Rates:
    return Rates(steps=msgspec.json.decode(steps, type=list[RatesStep]), **columns)
