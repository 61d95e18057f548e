"""`status`: what waits, what is late and what failed."""

from pgbroker.cli.command import command
from pgbroker.cli.exits import Refused
from pgbroker.cli.session import Session


@command(name="status", examples=(), hidden=True)
def status(session: Session) -> None:
    """Show what waits, what is late and what failed."""
    del session
    raise Refused("status comes with a later version")
