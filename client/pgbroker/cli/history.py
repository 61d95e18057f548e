"""`history`: what was published, whatever became of it."""

from typing import Any

import click
import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.names import TOPIC
from pgbroker.cli.pages import LIMIT, PAGE, first
from pgbroker.cli.session import Session
from pgbroker.cli.values import given
from pgbroker.types import HistoryMessage, Page


@command(
    examples=(
        "pgbroker history orders --limit 5",
        "pgbroker history orders --key customer-7 --columns id,state,content",
    )
)
@TOPIC
@LIMIT
@click.option("--sender", help="Only of this sender.")
@click.option("--key", help="Only with this key.")
def history(session: Session, topic: str, limit: int, sender: str | None, key: str | None) -> None:
    """List what was published to a topic, whatever became of it, the newest first."""

    def page(**options: Any) -> Page[HistoryMessage[Any]]:
        return session.broker.list_history(topic, type=msgspec.Raw, **options)

    found = session.broker.iterate(page, limit=min(limit, PAGE), **given(sender=sender, key=key))
    session.out.many(first(session, found, limit), "id", "created_at", "state", "seq", "key", "content")
