"""Pages of long lists: what a page holds at most, and where the next one starts.

There are two ways to make a page. A list in the order of a key is cut here: the key of a page's last item is where the
next page starts. A list that filters what it reads is cut by its verb, whose last row holds nothing but the token of
the next page: the verb stops after reading 10,000 rows, and then even a page without items has a next one.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from broker import database

Item = TypeVar("Item")

MAX_PAGE = 5_500_000  # bytes of its items, as escaped inside Lambda's own JSON; the verbs that cut pages have the same

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
PageToken = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,17}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]

_encode = msgspec.json.Encoder().encode


class Page(NamedTuple, Generic[Item]):
    """A part of a list. `next` is what the next page comes `after`; None: this is the last page."""

    items: list[Item]
    next: Any


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a list: how many items a page has at most. Each list adds its own `after`."""

    limit: Limit = 100


class Filter(Protocol):
    """The query of a list that its verb cuts: a struct with the token of the page, and what it filters by."""

    __struct_fields__: ClassVar[tuple[str, ...]]
    limit: int

    @property
    def after(self) -> object: ...


def cut(rows: list[Item], limit: int, key: str) -> Page[Item]:
    """Make a page of the first `limit` rows, in the order of their `key`. One row more only says that there are more.

    Items that do not fit into Lambda's response are left for the next page.
    """
    items = _fit(rows[:limit])
    return Page(items, getattr(items[-1], key) if len(items) < len(rows) else None)


def fetch(statement: str, topic: str, query: Filter, kind: Callable[..., Item]) -> Page[Item]:
    """Call a verb that cuts the page itself. Raises NotFound, or what else the verb raises."""
    values = {"topic": topic, "filter": encode_filter(query), "after": query.after, "limit": query.limit}
    return call(statement, values, kind)


def call(statement: str, values: Mapping[str, object], kind: Callable[..., Item]) -> Page[Item]:
    """Call a verb whose last row may hold nothing but `next`, the token of the next page."""

    def make(*, next: str | None, **columns: Any) -> Item | str:  # noqa: A002  the column's name
        return kind(**columns) if next is None else next

    rows = database.call(statement, values, make)
    after = rows.pop() if rows and isinstance(rows[-1], str) else None
    return Page([row for row in rows if not isinstance(row, str)], after)


def encode_filter(request: Filter | msgspec.Struct) -> str:
    """Encode what a request filters by as JSON: those of its fields that are set."""
    return _encode({name: value for name in request.__struct_fields__ if (value := getattr(request, name))}).decode()


def _fit(items: list[Item]) -> list[Item]:
    room = MAX_PAGE
    for nth, item in enumerate(items):
        room -= len(_encode(_encode(item).decode()))
        if room < 0 and nth > 0:
            return items[:nth]
    return items
