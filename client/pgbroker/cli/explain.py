"""`explain`: where a message is, why, and what happens next."""

import click
import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.names import TOPIC
from pgbroker.cli.session import Session


@command(examples=('pgbroker explain orders "$ID"', 'pgbroker explain orders "$ID" --output raw --columns state'))
@TOPIC
@click.argument("message_id")
def explain(session: Session, topic: str, message_id: str) -> None:
    """Say where a message is, why, and what happens next. Elsewhere than on a terminal: as JSON."""
    traced = session.broker.trace_message(topic, message_id, type=msgspec.Raw)
    if session.form == "table" and session.columns is None:
        from pgbroker.cli.explained import lines

        session.out.text(lines(topic, traced))
    else:
        session.out.one(traced, "state")
