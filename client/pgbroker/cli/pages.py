"""How much of a list is shown."""

from collections.abc import Iterator
from itertools import islice
from sys import maxsize
from typing import Any, TypeVar

import click

from pgbroker.cli.session import Session
from pgbroker.cli.values import COUNT

Item = TypeVar("Item")
ALL = "all"
PAGE = 1000  # the most that the broker gives at once


class Limit(click.ParamType[int]):
    """A number, or the word `all`."""

    name = "number|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == ALL:
            return maxsize
        return COUNT.convert(value, param, ctx)


LIMIT = click.option(
    "--limit", type=Limit(), default=100, show_default=True, help="How many to show; all: all of them."
)


def first(session: Session, items: Iterator[Item], limit: int) -> Iterator[Item]:
    """Yield the first items; say so when there are more."""
    yield from islice(items, limit)
    if not session.is_for_programs and limit < maxsize and next(items, None) is not None:
        session.note(f"There are more than {limit}: --limit {ALL}")
