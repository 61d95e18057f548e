"""`peek`: look at what waits."""

from typing import Any

import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.filters import message_filters
from pgbroker.cli.names import TOPIC
from pgbroker.cli.pages import LIMIT, PAGE, first
from pgbroker.cli.session import Session
from pgbroker.cli.values import given
from pgbroker.types import Page, WaitingMessage


@command(
    examples=("pgbroker peek orders --limit 5", "pgbroker peek orders --key customer-7 --since 2h --columns id,content")
)
@TOPIC
@LIMIT
@message_filters("was created")
def peek(session: Session, topic: str, limit: int, **filters: Any) -> None:
    """List the messages that wait, leased and delayed ones too, in the order in which consumers get them.

    It takes none of them.
    """

    def page(**options: Any) -> Page[WaitingMessage[Any]]:
        return session.broker.browse_messages(topic, type=msgspec.Raw, **options)

    found = session.broker.iterate(page, limit=min(limit, PAGE), **given(**filters))
    session.out.many(first(session, found, limit), "id", "ready_at", "receives", "key", "content")
