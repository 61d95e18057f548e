"""`cancel`: delete a message."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.names import MISSING_OK, TOPIC, YES
from pgbroker.cli.session import Session
from pgbroker.errors import NotFound


@command(examples=('pgbroker cancel orders "$ID" --yes', 'pgbroker cancel orders "$ID" --yes --missing-ok'))
@TOPIC
@click.argument("message_id")
@YES
@MISSING_OK
def cancel(session: Session, topic: str, message_id: str, *, yes: bool, missing_ok: bool) -> None:
    """Delete a message that waits or is dead, with its content."""
    session.confirm(f"Delete the message {message_id} of {topic}?", yes=yes)
    try:
        session.broker.cancel_message(topic, message_id)
    except NotFound:
        if not missing_ok:
            raise
