"""`rates`: what happened in each step of a time."""

from datetime import datetime

import click

from pgbroker.cli.command import command
from pgbroker.cli.names import TOPIC, subscription_id
from pgbroker.cli.session import Session
from pgbroker.cli.values import DURATION, MOMENT

OF_TOPIC = ("at", "published", "broadcast", "died")
OF_SUBSCRIPTION = ("at", "attempts", "failed", "p95_ms")


@command(
    examples=("pgbroker rates orders --since 1d --step 1h", "pgbroker rates news --subscription billing --since 15m")
)
@TOPIC
@click.option("--since", type=MOMENT, help="From then on: 2h is two hours ago.  [default: 1h]")
@click.option("--until", type=MOMENT, help="Until then.  [default: now]")
@click.option("--step", type=DURATION, help="How long a step is; 120 steps at most.  [default: 60 steps]")
@click.option("--subscription", help="Count the attempts to deliver to this one: its id, name or url.")
def rates(
    session: Session,
    topic: str,
    since: datetime | None,
    until: datetime | None,
    step: int | None,
    subscription: str | None,
) -> None:
    """Count what was published, broadcast and dead-lettered in each step of a time.

    A value that the broker does not know is empty.
    """
    found = session.broker.list_rates(
        topic,
        since=since,
        until=until,
        step_seconds=step,
        subscription=subscription and subscription_id(session, topic, subscription),
    )
    if not found.exact:
        session.note("There are too many messages to count them all: what is published is estimated in some steps.")
    session.out.many(found.steps, *(OF_SUBSCRIPTION if subscription else OF_TOPIC))
