"""`topics`: list, create, set and delete topics."""

from typing import Any

import click

from pgbroker.cli.command import command, group
from pgbroker.cli.names import MISSING_OK, TOPIC, YES
from pgbroker.cli.session import Session
from pgbroker.cli.values import COUNT, DURATION, OrNone, given
from pgbroker.errors import NotFound

topics = group("topics", "List, create, set and delete topics.")


def _settings(function: Any) -> Any:
    for option in (
        click.option("--dead-days", type=OrNone(COUNT), help="How many days dead letters are kept; none: no end."),
        click.option("--max-receives", type=OrNone(COUNT), help="Leases before a message dies; none: no limit."),
        click.option("--lease", "lease_seconds", type=DURATION, help="How long a lease hides a message."),
        click.option("--broadcast", type=click.Choice(["manual", "auto"]), help="auto: soon after each publish."),
    ):
        function = option(function)
    return function


@command(
    topics,
    examples=("pgbroker topics ls", "pgbroker topics ls --search order --output raw --columns name"),
)
@click.option("--search", help="Only with this in their name, in capitals or not.")
def ls(session: Session, search: str | None) -> None:
    """List the topics that the token covers, by name."""
    found = session.broker.iterate(session.broker.list_topics, limit=1000, search=search)
    session.out.many(found, "name", "broadcast", "queue", "lease_seconds", "max_receives", "dead_days", "last_seq")


@command(topics, examples=("pgbroker topics show orders", "pgbroker topics show orders --columns queue.ready"))
@TOPIC
def show(session: Session, topic: str) -> None:
    """Show a topic's settings and counts."""
    session.out.one(session.broker.read_topic(topic), "name", "queue.ready")


@command(
    topics,
    examples=("pgbroker topics create invoices", "pgbroker topics create alerts --broadcast auto --lease 2m"),
)
@TOPIC
@_settings
def create(session: Session, topic: str, **settings: Any) -> None:
    """Create a topic, or set all settings of one: what is not given becomes the default. Safe to repeat."""
    session.out.one(session.broker.put_topic(topic, **given(**settings)), "name")


@command(
    topics, "set", examples=("pgbroker topics set orders --lease 5m", "pgbroker topics set orders --dead-days none")
)
@TOPIC
@_settings
def set_(session: Session, topic: str, **settings: Any) -> None:
    """Change the settings of a topic that are given."""
    changes = given(**settings)
    if not changes:
        raise click.UsageError("name a setting to change; see --help")
    session.out.one(session.broker.change_topic(topic, **changes), "name")


@command(topics, examples=("pgbroker topics rm empty --yes", "pgbroker topics rm orders --dry-run"))
@TOPIC
@click.option("--force", is_flag=True, help="Also when messages wait or it has subscriptions.")
@click.option("--dry-run", is_flag=True, help="Only count what would be lost.")
@YES
@MISSING_OK
def rm(session: Session, topic: str, *, force: bool, dry_run: bool, yes: bool, missing_ok: bool) -> None:
    """Delete a topic. Without --force it is refused while messages wait or it has subscriptions."""
    if not dry_run:
        session.confirm(f"Delete the topic {topic}{' with all its messages' if force else ''}?", yes=yes)
    try:
        counted = session.broker.delete_topic(topic, force=force, dry_run=dry_run)
        if counted is not None:
            session.out.one(counted, "queue.waiting")
    except NotFound:
        if not missing_ok:
            raise
