"""The options of a subscription's settings, of the commands that set them."""

from collections.abc import Callable
from typing import Any

import click

from pgbroker.cli.values import COUNT, DURATIONS, OrNone, Pair


def setting_options(*, none: bool) -> Callable[[Any], Any]:
    """Add the options of a subscription's settings; `none` says whether the word is allowed."""

    def kind(each: click.ParamType[Any]) -> click.ParamType[Any]:
        return OrNone(each) if none else each

    word = "; none: the broker's" if none else ""
    options = (
        click.option(
            "--header", "headers", type=Pair(":"), multiple=True, help="A header of its requests: 'Name: value'."
        ),
        click.option("--batch-size", type=COUNT, help="The most messages in a webhook."),
        click.option("--retry-schedule", type=kind(DURATIONS), help=f"Pauses between attempts: 5s,5m,2h{word}."),
        click.option("--ordered/--unordered", default=None, help="Whether a refused message blocks those after it."),
        click.option("--rate", "rate_per_second", type=kind(COUNT), help="The most requests a second."),
        click.option("--backlog-days", type=COUNT, help="Days that it keeps messages while it is paused."),
    )

    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add
