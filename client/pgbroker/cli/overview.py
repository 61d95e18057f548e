"""`overview`: what is published, delivered and late now."""

import click

from pgbroker.cli.command import command
from pgbroker.cli.session import Session

COLUMNS = (
    "topic",
    "published_per_second",
    "ready",
    "leased",
    "delayed",
    "dead_letters",
    "oldest_ready_at",
    "subscriptions_total",
)


@command(
    examples=(
        "pgbroker overview",
        "pgbroker overview --limit 5 --output json",
        "pgbroker overview --output raw --columns published_per_second,failed_per_second",
    ),
)
@click.option("--limit", type=click.IntRange(1, 100), default=30, show_default=True, help="How many topics to show.")
def overview(session: Session, limit: int) -> None:
    """Show what is published, delivered and late now: the topics that need a look, the worst first.

    It is one request, however many topics there are. Other forms than a table have all of it, with up to 20
    subscriptions of each topic, their lag and their rates.
    """
    found = session.broker.read_overview(limit=limit)
    if session.form != "table" or session.columns is not None:
        session.out.one(found, "at", "published_per_second", "attempts_per_second", "failed_per_second")
        return
    session.out.many(found.items, *COLUMNS)
    rates = (found.published_per_second, found.attempts_per_second, found.failed_per_second)
    published, attempts, failed = ("?" if rate is None else f"{rate:,.1f}" for rate in rates)
    session.note(
        f"{published} published/s, {attempts} attempts/s, {failed} failed/s; {len(found.items)} of"
        f" {'' if found.topics.exact else '≈ '}{found.topics.total:,} topics"
    )
