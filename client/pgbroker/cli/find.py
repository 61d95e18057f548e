"""`find`: what an id is of, and where it is."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.session import Session


@command(
    examples=('pgbroker find "$ID"', 'pgbroker find "$ID" --output raw --columns topic'),
)
@click.argument("id_or_webhook_id")
def find(session: Session, id_or_webhook_id: str) -> None:
    """Say what has an id, a message or a subscription, and in which topic it is.

    A webhook-id has two ids: of a subscription, and of the first message that was sent to it.
    """
    subscription, *rest = id_or_webhook_id.split("_")
    session.out.many((session.broker.find(each) for each in (subscription, *rest[1:2])), "kind", "topic", "id")
