"""`listen`: receive a topic's webhooks on this computer."""

from pgbroker.cli.command import command
from pgbroker.cli.exits import Refused
from pgbroker.cli.session import Session


@command(name="listen", examples=(), hidden=True)
def listen(session: Session) -> None:
    """Receive a topic's webhooks on this computer."""
    del session
    raise Refused("listen comes with a later version")
