"""`status`: what waits, what is late and what failed."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.names import TopicName
from pgbroker.cli.session import Session
from pgbroker.cli.values import DURATION

EVERY = "2s"
MOST = 20  # topics: each is a request


@command(
    examples=(
        "pgbroker status",
        "pgbroker status news orders",
        "pgbroker status --watch 1s --polls 2 --limit 5",
    )
)
@click.argument("topics", metavar="[TOPIC...]", type=TopicName(), nargs=-1)
@click.option(
    "--watch",
    "seconds",
    type=DURATION,
    is_flag=False,
    flag_value=EVERY,
    metavar="[SECONDS]",
    help="Look again and again, each 2s or so often, until Ctrl-C.",
)
@click.option("--polls", type=click.IntRange(1), help="Of --watch: stop after so many looks.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=MOST,
    show_default=True,
    help="How many topics to show, when none is named; each is a request.",
)
def status(session: Session, topics: tuple[str, ...], seconds: int | None, polls: int | None, limit: int) -> None:
    """Show what waits, what is late and what failed: the topics in which most messages wait, the worst first.

    OLDEST is for how long the oldest message has been ready, BEHIND how many messages the slowest subscription does not
    have, and ≈ marks an estimate. With names it shows these topics and their subscriptions. --watch adds how the number
    of waiting messages changes, and what is broadcast a second.
    """
    names = list(dict.fromkeys(topics))
    if seconds is None:
        if polls is not None:
            raise click.UsageError("--polls is for --watch")
        _show_once(session, names, limit)
        return

    from pgbroker.cli.looks import watch

    watch(session, names, limit, max(1, seconds), polls)


def _show_once(session: Session, names: list[str], limit: int) -> None:
    from pgbroker.cli.surveys import COLUMNS, survey

    found = survey(session.broker, names, limit)
    if session.form == "table" and session.columns is None:
        from pgbroker.cli.pictures import picture
        from pgbroker.cli.tables import console

        terminal = console()
        terminal.print(picture(found, terminal))
    else:
        session.out.many(found.statuses, *COLUMNS)
