"""Names on the command line: topics, and what may be named instead of its id."""

import re
from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem

from pgbroker.cli.exits import Refused
from pgbroker.cli.session import Session

ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class TopicName(click.ParamType[str]):
    """The name of a topic, which is completed from a list of the broker."""

    name = "topic"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        del param
        from pgbroker.cli.topic_cache import topics

        names = topics(ctx.obj) if isinstance(ctx.obj, Session) else []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


TOPIC = click.argument("topic", type=TopicName())
SUBSCRIPTION = click.argument("subscription")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
MISSING_OK = click.option("--missing-ok", is_flag=True, help="Succeed when there is none.")


def subscription_id(session: Session, topic: str, name: str) -> str:
    """Return the id of the subscription with this id, name or url."""
    if ID.fullmatch(name):
        return name
    listed = list(session.broker.iterate(session.broker.list_subscriptions, topic, limit=1000))
    named = [each.id for each in listed if each.name == name] or [each.id for each in listed if each.url == name]
    return _only(named, f"subscription {name!r} of the topic {topic!r}")


def token_id(session: Session, name: str) -> str:
    """Return the id of the token with this id or name."""
    if ID.fullmatch(name):
        return name
    listed = session.broker.iterate(session.broker.list_tokens, limit=1000)
    return _only((each.id for each in listed if each.name == name), f"token {name!r}")


class Missing(Refused):
    """There is nothing of this name."""


def _only(ids: Iterable[str], what: str) -> str:
    found = list(ids)
    if not found:
        raise Missing(f"there is no {what}")
    if len(found) > 1:
        raise Refused(f"there are several of {what}: use the id, {' or '.join(found)}")
    return found[0]
