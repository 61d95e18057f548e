"""`login` and `logout`: store a broker's address and a token, or forget them."""

import os
import sys
from urllib.parse import urlsplit

import click

from pgbroker.cli import profiles_file
from pgbroker.cli.command import command
from pgbroker.cli.exits import Misused, Refused
from pgbroker.cli.profiles_file import Profile
from pgbroker.cli.session import Session

PROFILE = "default"
LOCAL = {"127.0.0.1", "::1", "localhost"}


@command(
    examples=("pgbroker login --url http://127.0.0.1:3000 < .local/admin.token", "pgbroker login --profile production")
)
@click.option("--token-command", help="A shell command that prints the token, to store instead of the token.")
def login(session: Session, token_command: str | None) -> None:
    """Store the address of a broker, and a token, as a profile. It becomes the default.

    The token is read without showing it, or from standard input. Nothing is stored unless the broker takes it.
    """
    from pgbroker.connection import DEFAULT_URL

    name = session.profile or PROFILE
    session.profile = None
    url = session.url or os.environ.get("BROKER")
    if not url:
        url = click.prompt("url", default=DEFAULT_URL, err=True) if session.is_interactive else DEFAULT_URL
    profile = Profile(url.rstrip("/"), None if token_command else _read_token(session), token_command)
    session.target = profiles_file.Target(profile.url, profiles_file.read_token(profile))
    if profile.url.startswith("http://") and urlsplit(profile.url).hostname not in LOCAL:
        session.note("The token goes over the network as it is: use https.")
    allowed = session.broker.read_own_token()
    stored = profiles_file.read()
    stored.profiles[name] = profile
    stored.default = name
    profiles_file.write(stored)
    session.note(f"The profile {name} is stored in {profiles_file.file()}.")
    session.out.one(allowed, "name")


@command(examples=("pgbroker logout", "pgbroker logout --profile production"))
def logout(session: Session) -> None:
    """Forget the stored token of a profile, and its address. The token stays valid: see `pgbroker tokens revoke`."""
    name = session.profile or os.environ.get("PGBROKER_PROFILE") or profiles_file.read().default
    if name is None:
        raise Refused("no profile is stored")
    profiles_file.remove(name)
    session.note(f"The profile {name} is removed.")


def _read_token(session: Session) -> str:
    asked = session.is_interactive
    token = str(click.prompt("token", hide_input=True, err=True) if asked else sys.stdin.readline()).strip()
    if not token:
        raise Misused("no token was given on standard input")
    return token
