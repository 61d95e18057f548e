"""`profiles`: the stored brokers."""

import click

from pgbroker.cli import profiles_file
from pgbroker.cli.command import command, group
from pgbroker.cli.names import MISSING_OK, YES
from pgbroker.cli.session import Session


@click.pass_context
def _list(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        ctx.invoke(ls)


profiles = group("profiles", "List the stored brokers, and choose one.", invoke_without_command=True, callback=_list)


@command(profiles, examples=("pgbroker profiles ls", "pgbroker profiles ls --output raw --columns name"))
def ls(session: Session) -> None:
    """List the stored brokers. Their tokens are not shown."""
    stored = profiles_file.read()
    shown = [
        {
            "name": name,
            "url": profile.url,
            "token": "command" if profile.token_command else "stored",
            "default": name == stored.default,
        }
        for name, profile in stored.profiles.items()
    ]
    session.out.many(shown, "name", "url", "token", "default")


@command(profiles, examples=("pgbroker profiles use local", "pgbroker profiles use local --output json"))
@click.argument("name")
def use(session: Session, name: str) -> None:
    """Make a profile the default."""
    stored = profiles_file.read()
    if name not in stored.profiles:
        raise profiles_file.missing(name)
    stored.default = name
    profiles_file.write(stored)
    session.note(f"The default is {name}: {stored.profiles[name].url}")


@command(profiles, examples=("pgbroker profiles rm local --yes", "pgbroker profiles rm local --yes --missing-ok"))
@click.argument("name")
@YES
@MISSING_OK
def rm(session: Session, name: str, *, yes: bool, missing_ok: bool) -> None:
    """Remove a stored broker."""
    if missing_ok and name not in profiles_file.read().profiles:
        return
    session.confirm(f"Remove the profile {name}?", yes=yes)
    profiles_file.remove(name)
