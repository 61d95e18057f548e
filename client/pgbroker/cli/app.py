"""The command `pgbroker`: the table of its commands."""

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import click

from pgbroker.cli import exits
from pgbroker.cli.command import HELP, session_options
from pgbroker.cli.lazy import Entry, LazyGroup
from pgbroker.cli.session import Session


class Section(NamedTuple):
    """Commands that the help shows together."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Section(
        "Messages",
        (
            Entry("publish", "publish", "Store messages in a topic."),
            Entry("consume", "consume", "Lease messages of a topic, or follow it."),
            Entry("ack", "settle", "Acknowledge leased messages: they are done."),
            Entry("release", "settle", "Return leased messages to their topic."),
            Entry("reject", "settle", "Make leased messages dead letters."),
            Entry("extend", "settle", "Make leases end later."),
            Entry("settle", "settle", "End leases in several ways at once."),
            Entry("peek", "peek", "Look at what waits, without taking it."),
            Entry("explain", "explain", "Say where a message is, why, and what happens next."),
            Entry("history", "history", "Look at what was published, whatever became of it."),
            Entry("find", "find", "Say what an id is of, and in which topic it is."),
            Entry("resend", "resend", "Send a message to a subscription once more."),
            Entry("cancel", "cancel", "Delete a message that waits or is dead."),
            Entry("dead", "dead", "List, redrive and delete dead letters."),
        ),
    ),
    Section(
        "Topics and webhooks",
        (
            Entry("topics", "topics", "List, create, set and delete topics."),
            Entry("rates", "rates", "Count what happened in each step of a time."),
            Entry("broadcast", "broadcast", "Send all ready messages of a topic to its subscriptions."),
            Entry("subscriptions", "subscriptions", "Subscribe webhooks, and look after them."),
            Entry("attempts", "attempts", "List what was sent to a subscription, and its responses."),
            Entry("listen", "listen", "Receive a topic's webhooks on this computer."),
            Entry("webhook", "webhook", "Sign webhooks, and verify them."),
            Entry("overview", "overview", "Show what is published, delivered and late now, the worst first."),
            Entry("status", "status", "Show what waits, what is late and what failed."),
        ),
    ),
    Section(
        "Access and set-up",
        (
            Entry("login", "login", "Store the address of a broker, and a token."),
            Entry("logout", "login", "Forget a stored token."),
            Entry("profiles", "profiles", "List the stored brokers, and choose one."),
            Entry("tokens", "tokens", "List, mint and revoke tokens."),
            Entry("api", "api", "Send any request to the broker."),
            Entry("completion", "completion", "Print the completion script of a shell."),
        ),
    ),
)


class App(LazyGroup):
    """The command `pgbroker`. Each error ends it with one line on standard error, and with its exit code."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for section in SECTIONS:
            with formatter.section(section.title):
                formatter.write_dl([(entry.name, entry.help) for entry in section.entries])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader of a pipe has what it needs
            exits.discard(sys.stdout)
            return exits.DONE
        except KeyboardInterrupt:
            exits.say("")  # after the ^C of the terminal
            return exits.INTERRUPTED

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  click's signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002
        **extra: Any,
    ) -> Any:
        """Run the command with these arguments, and exit."""
        del standalone_mode
        with Session() as session:
            settings = {"obj": session, "windows_expand_args": windows_expand_args, **extra}
            try:
                code = super().main(args, prog_name or "pgbroker", complete_var, standalone_mode=False, **settings)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  report raises what it does not know
                code = exits.report(error, as_json=session.is_for_programs)
        sys.exit(code if isinstance(code, int) else exits.DONE)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001  click's signature
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"pgbroker {version('pgbroker')}")
        ctx.exit()


app = App(
    "pgbroker",
    entries=[entry for section in SECTIONS for entry in section.entries],
    params=[
        *session_options(),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        ),
    ],
    context_settings=HELP,
    help="The command line of pgbroker, a serverless message broker on PostgreSQL.",
    epilog="Begin with: pgbroker login",
)
