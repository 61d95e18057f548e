"""All commands with their names: `("topics", "ls")`."""

from collections.abc import Iterator

import click

from pgbroker.cli.app import app
from pgbroker.cli.command import Command


def commands(group: click.Group = app, *names: str) -> Iterator[tuple[tuple[str, ...], Command]]:
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        found = group.get_command(ctx, name)
        if isinstance(found, click.Group):
            yield from commands(found, *names, name)
        elif isinstance(found, Command):
            yield (*names, name), found
