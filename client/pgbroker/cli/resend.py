"""`resend`: send a message to a subscription once more."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.names import SUBSCRIPTION, TOPIC, subscription_id
from pgbroker.cli.session import Session


@command(
    examples=(
        'pgbroker resend news "$NEWS" archive',
        'pgbroker resend news "$NEWS" archive --output raw --columns webhook_id',
    )
)
@TOPIC
@click.argument("message_id")
@SUBSCRIPTION
def resend(session: Session, topic: str, message_id: str, subscription: str) -> None:
    """Send a message of the log once more to one subscription, whatever became of it there.

    SUBSCRIPTION is an id, a name or a url. The webhook has an id of its own, so its receiver handles it once more.
    """
    found = subscription_id(session, topic, subscription)
    session.out.one(session.broker.resend(topic, message_id, subscription=found), "webhook_id")
