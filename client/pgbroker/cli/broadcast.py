"""`broadcast`: send what is ready to the subscriptions."""

import click
import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.names import TOPIC
from pgbroker.cli.session import Session


@command(examples=("pgbroker broadcast news --dry-run", "pgbroker broadcast news --output raw --columns messages"))
@TOPIC
@click.option("--dry-run", is_flag=True, help="Only count what would be sent now.")
def broadcast(session: Session, topic: str, *, dry_run: bool) -> None:
    """Send all ready messages to each of the topic's subscriptions, until none remains.

    Without a subscription nothing happens. The result counts what was moved to the log, not what was delivered.
    """
    total = last = session.broker.broadcast(topic, dry_run=dry_run)
    while last.remaining and last.messages and not dry_run:
        last = session.broker.broadcast(topic)
        total = msgspec.structs.replace(
            last,
            messages=total.messages + last.messages,
            first_seq=last.first_seq if total.first_seq is None else total.first_seq,
        )
    if not total.subscriptions:
        session.note(f"The topic {topic} has no subscription.")
    session.out.one(total, "messages")
