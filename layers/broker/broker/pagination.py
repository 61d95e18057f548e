"""Pages of long lists: how many items a page has at most, and the token with which the next page is asked for."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec

Item = TypeVar("Item")

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
PageToken = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,17}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]


def row(kind: Callable[..., Item]) -> Callable[..., Item | str]:
    """Make the rows of a verb whose last row holds nothing but `next`, a page token: that row becomes a string."""

    def make(*, next: str | None, **columns: Any) -> Item | str:  # noqa: A002  the column's name
        return kind(**columns) if next is None else next

    return make


def split(rows: list[Item | str]) -> tuple[list[Item], str | None]:
    """Split such rows into the items, and the token of the next page (None: this is the last page)."""
    items = [each for each in rows if not isinstance(each, str)]
    return items, next((each for each in rows if isinstance(each, str)), None)


def encode_filter(request: msgspec.Struct) -> str:
    """Encode what a request filters by as JSON: those of its fields that are set."""
    return msgspec.json.encode(
        {name: value for name, value in msgspec.structs.asdict(request).items() if value}
    ).decode()
