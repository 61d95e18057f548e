"""`subscriptions`: subscribe webhooks, and look after them."""

from typing import Any

import click

from pgbroker.cli import exits
from pgbroker.cli.command import command, group
from pgbroker.cli.names import MISSING_OK, SUBSCRIPTION, TOPIC, YES, Missing, subscription_id
from pgbroker.cli.session import Session
from pgbroker.cli.subscription_options import setting_options
from pgbroker.cli.values import DURATION, given
from pgbroker.errors import NotFound

subscriptions = group("subscriptions", "Subscribe webhooks, and look after them.")
STORE = "Store the secret: it is not shown again."


@command(
    subscriptions,
    examples=("pgbroker subscriptions ls news", "pgbroker subscriptions ls news --columns name,state,behind"),
)
@TOPIC
def ls(session: Session, topic: str) -> None:
    """List a topic's subscriptions, the oldest first."""
    found = session.broker.iterate(session.broker.list_subscriptions, topic, limit=1000)
    session.out.many(found, "name", "state", "behind", "redeliveries", "dead_letters", "due_at")


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions add news http://127.0.0.1:7001/",
        "pgbroker subscriptions add news http://127.0.0.1:7001/ --name shop --batch-size 50 --retry-schedule 5s,5m,2h",
    ),
)
@TOPIC
@click.argument("url")
@click.option("--name", help="A name that is unique in the topic. By default the url.")
@setting_options(none=False)
def add(session: Session, topic: str, url: str, headers: tuple[tuple[str, str], ...], **settings: Any) -> None:
    """Send the topic's broadcasts to URL, from the next one on. Safe to repeat.

    The result has the secret that signs the webhooks, unless the subscription exists already.
    """
    made = session.broker.subscribe(topic, url, headers=dict(headers) or None, **given(**settings))
    session.note(STORE if made.secret else "It exists already: no new secret.")
    session.out.one(made, "id", "secret")


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions show news billing",
        "pgbroker subscriptions show news billing --output raw --columns state",
    ),
)
@TOPIC
@SUBSCRIPTION
def show(session: Session, topic: str, subscription: str) -> None:
    """Show a subscription's settings, its state, and what is behind. SUBSCRIPTION is an id, a name or a url."""
    session.out.one(session.broker.read_subscription(topic, subscription_id(session, topic, subscription)), "id")


@command(
    subscriptions,
    "set",
    examples=(
        "pgbroker subscriptions set news billing --rate 20 --ordered",
        "pgbroker subscriptions set news billing --rate none --header 'X-Team: billing'",
    ),
)
@TOPIC
@SUBSCRIPTION
@click.option("--to", "url", help="Another url.")
@click.option("--name", help="Another name.")
@click.option("--no-headers", is_flag=True, help="Remove all headers.")
@setting_options(none=True)
def set_(
    session: Session,
    topic: str,
    subscription: str,
    headers: tuple[tuple[str, str], ...],
    *,
    no_headers: bool,
    **settings: Any,
) -> None:
    """Change the settings of a subscription that are given. The headers are replaced all together."""
    changes = dict(given(**settings))
    if headers or no_headers:
        changes["headers"] = dict(headers)
    if not changes:
        raise click.UsageError("name a setting to change; see --help")
    _change(session, topic, subscription, **changes)


@command(
    subscriptions,
    examples=("pgbroker subscriptions pause news billing", "pgbroker subscriptions pause news billing --columns state"),
)
@TOPIC
@SUBSCRIPTION
def pause(session: Session, topic: str, subscription: str) -> None:
    """Stop the deliveries to a subscription. It keeps its position."""
    _change(session, topic, subscription, paused=True)


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions resume news billing",
        "pgbroker subscriptions resume news billing --columns state",
    ),
)
@TOPIC
@SUBSCRIPTION
def resume(session: Session, topic: str, subscription: str) -> None:
    """Resume the deliveries to a paused subscription. One that waits after a failure is tried at once."""
    _change(session, topic, subscription, paused=False)


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions enable news billing",
        "pgbroker subscriptions enable news billing --columns state",
    ),
)
@TOPIC
@SUBSCRIPTION
def enable(session: Session, topic: str, subscription: str) -> None:
    """Enable a subscription that the broker has disabled."""
    _change(session, topic, subscription, disabled=False)


@command(
    subscriptions,
    "rotate-secret",
    examples=(
        "pgbroker subscriptions rotate-secret news billing",
        "pgbroker subscriptions rotate-secret news billing --overlap 2h --output raw --columns secret",
    ),
)
@TOPIC
@SUBSCRIPTION
@click.option("--overlap", type=DURATION, help="How long webhooks are signed with the old secret too: 1d by default.")
def rotate_secret(session: Session, topic: str, subscription: str, overlap: int | None) -> None:
    """Give a subscription a new secret."""
    found = subscription_id(session, topic, subscription)
    rotated = session.broker.rotate_secret(topic, found, overlap_seconds=overlap)
    session.note(STORE)
    session.out.one(rotated, "secret")


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions test news archive",
        "pgbroker subscriptions test news archive --columns status,reason,answer",
    ),
)
@TOPIC
@SUBSCRIPTION
def test(session: Session, topic: str, subscription: str) -> int:
    """Send a test to a subscription now, and show its response. Exit code 1: it was not 2xx.

    The receiver can tell that it is a test, and no other subscription is affected. The subscription may be paused or
    disabled, and its state does not change.
    """
    from pgbroker.cli.tested import attempt

    found = attempt(session, topic, subscription_id(session, topic, subscription))
    session.out.one(found, "status", "reason", "answer")
    return exits.DONE if found.status is not None and 200 <= found.status < 300 else exits.REFUSED  # noqa: PLR2004


@command(
    subscriptions,
    examples=(
        "pgbroker subscriptions rm news billing --yes",
        "pgbroker subscriptions rm news --to http://127.0.0.1:7001/ --yes --missing-ok",
    ),
)
@TOPIC
@click.argument("subscription", required=False)
@click.option("--to", "url", help="Instead of one: all subscriptions with this url.")
@YES
@MISSING_OK
def rm(session: Session, topic: str, subscription: str | None, url: str | None, *, yes: bool, missing_ok: bool) -> None:
    """Delete a subscription. Its undelivered messages are no longer sent."""
    if (subscription is None) == (url is None):
        raise click.UsageError("name a subscription, or a url with --to")
    session.confirm(f"Delete the subscription {subscription or url} of {topic}?", yes=yes)
    try:
        if url is not None:
            session.broker.unsubscribe_url(topic, url)
        elif subscription is not None:
            session.broker.unsubscribe(topic, subscription_id(session, topic, subscription))
    except (NotFound, Missing):
        if not missing_ok:
            raise


def _change(session: Session, topic: str, subscription: str, **changes: Any) -> None:
    found = subscription_id(session, topic, subscription)
    session.out.one(session.broker.change_subscription(topic, found, **changes), "id", "state")
