"""`attempts`: what was sent to a subscription."""

from pgbroker.cli.command import command
from pgbroker.cli.names import SUBSCRIPTION, TOPIC, subscription_id
from pgbroker.cli.pages import LIMIT, PAGE, first
from pgbroker.cli.session import Session


@command(
    examples=("pgbroker attempts news billing --limit 20", "pgbroker attempts news billing --columns status,reason")
)
@TOPIC
@SUBSCRIPTION
@LIMIT
def attempts(session: Session, topic: str, subscription: str, limit: int) -> None:
    """List the requests that were sent to a subscription, with their responses, the newest first.

    SUBSCRIPTION is an id, a name or a url.
    """
    found = session.broker.iterate(
        session.broker.list_attempts, topic, subscription_id(session, topic, subscription), limit=min(limit, PAGE)
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
