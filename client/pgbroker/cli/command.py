"""What every command has: its examples, and the options of the session."""

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec

import click

from pgbroker.cli.session import FORMS, Session
from pgbroker.cli.values import DURATION, NAMES

P = ParamSpec("P")
PREFIX = "session_"  # a command may have an argument of the same name
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Command(click.Command):
    """A command with two examples at least, each a line that runs as it is."""

    def __init__(self, *args: Any, examples: Sequence[str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples
        self.own_params = list(self.params)
        self.params += session_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def command(
    group: click.Group | None = None, name: str | None = None, *, examples: Sequence[str], **settings: Any
) -> Callable[[Callable[Concatenate[Session, P], Any]], Command]:
    """Make a command of a function, whose first argument is the session; add it to a group.

    An int that the function returns is the exit code.
    """

    def make(function: Callable[Concatenate[Session, P], Any]) -> Command:
        made = click.command(name, cls=Command, examples=examples, context_settings=HELP, **settings)(
            click.pass_obj(function)
        )
        if group is not None:
            group.add_command(made)
        return made

    return make


def group(name: str, help: str, **settings: Any) -> click.Group:
    """Make a group of commands of one noun."""
    return click.Group(name, help=help, context_settings=HELP, params=session_options(), **settings)


def session_options() -> list[click.Parameter]:
    """Return the options that may stand before and after a command's name."""
    return [
        _option("--url", "The address of the broker.", metavar="URL"),
        _option("--profile", "The stored broker to use; see `pgbroker profiles`.", metavar="NAME"),
        _option("--timeout", "How long to try before giving up: 60s by default.", type=DURATION),
        _option(
            "--output", "How results are printed: a table on a terminal, ndjson elsewhere.", type=click.Choice(FORMS)
        ),
        _option("--columns", "The fields to print: id,content.order", type=NAMES),
    ]


def _option(flag: str, help: str, **settings: Any) -> click.Option:
    return click.Option(
        [flag, PREFIX + flag.removeprefix("--")], help=help, expose_value=False, callback=_note, **settings
    )


def _note(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and isinstance(ctx.obj, Session) and param.name:
        setattr(ctx.obj, param.name.removeprefix(PREFIX), value)
