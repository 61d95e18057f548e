"""A broker that sends each request once, for commands that go on by themselves."""

from typing import TypeVar

from pgbroker.async_broker import AsyncBroker
from pgbroker.broker import Broker
from pgbroker.cli.exits import Misused
from pgbroker.cli.profiles_file import reach
from pgbroker.cli.session import Session

Kind = TypeVar("Kind", Broker, AsyncBroker)


def direct(session: Session, kind: type[Kind]) -> Kind:
    """Return a broker of this run. Raises Misused for an address or a token that cannot be one."""
    target = reach(session)
    try:
        return kind(target.url, target.token or "", deadline_seconds=0)
    except ValueError as error:
        raise Misused(str(error)) from error
