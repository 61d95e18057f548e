"""`attempts`: what was sent to a subscription."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.names import SUBSCRIPTION, TOPIC, subscription_id
from pgbroker.cli.pages import LIMIT, PAGE, first
from pgbroker.cli.session import Session
from pgbroker.cli.values import COUNT


@command(
    examples=(
        "pgbroker attempts news billing --limit 20",
        "pgbroker attempts news billing --failed --columns status,reason,answer",
    )
)
@TOPIC
@SUBSCRIPTION
@LIMIT
@click.option("--seq", type=COUNT, help="Only those that sent the message at this position of the log.")
@click.option("--failed", is_flag=True, help="Only those that failed.")
def attempts(session: Session, topic: str, subscription: str, limit: int, seq: int | None, *, failed: bool) -> None:
    """List the requests that were sent to a subscription, with their responses, the newest first.

    SUBSCRIPTION is an id, a name or a url.
    """
    found = session.broker.iterate(
        session.broker.list_attempts,
        topic,
        subscription_id(session, topic, subscription),
        limit=min(limit, PAGE),
        seq=seq,
        failed=failed,
    )
    session.out.many(
        first(session, found, limit),
        "started_at",
        "attempt",
        "last_seq",
        "duration_ms",
        "status",
        "reason",
    )
