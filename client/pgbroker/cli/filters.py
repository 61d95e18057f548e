"""Which messages a command means."""

from collections.abc import Callable
from typing import Any

import click

from pgbroker.cli.values import MOMENT


def message_filters(time: str) -> Callable[[Any], Any]:
    """Add options for a sender, a key, and a range of a time: `created` or `died`."""
    return _options(
        click.option("--sender", help="Only of this sender."),
        click.option("--key", help="Only with this key."),
        click.option("--since", type=MOMENT, help=f"Only what {time} at this time or later: 2h is two hours ago."),
        click.option("--until", type=MOMENT, help=f"Only what {time} before this time."),
    )


def dead_filters(function: Any) -> Any:
    """Add the options that select dead letters."""
    add = _options(
        click.option("--subscription", help="Those of this subscription, instead of the queue's: its id, name or url."),
        click.option("--reason", help="Only with exactly this reason."),
    )
    return add(message_filters("died")(function))


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add
