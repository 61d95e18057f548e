"""`python -m scripts.command_line` writes the commands of docs/reference/command-line.md between its markers."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from pgbroker.cli.app import SECTIONS, app
from pgbroker.cli.command import Command, session_options

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "command-line.md"
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"


def generated(page: str) -> str:
    """Return the page with the commands as they are now."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} has no markers for the commands")
    return "\n".join([before + BEGIN, "", *_sections(), END + after])


def _sections() -> Iterator[str]:
    root = click.Context(app, info_name="pgbroker", **app.context_settings)  # click keeps the help option that it makes
    yield "## Options of every command\n"
    yield from _options(root, session_options())
    for section in SECTIONS:
        yield f"## {section.title}\n"
        for entry in section.entries:
            yield from _command(app, entry.name, root)


def _command(group: click.Group, name: str, parent: click.Context) -> Iterator[str]:
    command = group.get_command(parent, name)
    ctx = click.Context(command or group, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for each in command.list_commands(ctx):
            yield from _command(command, each, ctx)
        return
    if not isinstance(command, Command) or command.hidden:
        return
    yield f"### {ctx.command_path.removeprefix('pgbroker ')}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    yield "```"
    yield " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield "```\n"
    yield from _options(ctx, command.own_params)
    yield "```sh"
    yield from command.examples
    yield "```\n"


def _options(ctx: click.Context, params: list[click.Parameter]) -> Iterator[str]:
    records = [record for param in params if (record := param.get_help_record(ctx)) and record[1]]
    if records:
        yield "| option | |"
        yield "|---|---|"
        yield from (f"| `{_cell(option)}` | {_cell(text)} |" for option, text in records)
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(generated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
