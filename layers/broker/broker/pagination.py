"""Parts of long lists: how many items at most, after which place, and where the next part begins."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

Item = TypeVar("Item")

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Place = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,17}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")]
Time = Annotated[datetime, msgspec.Meta(tz=True)]


def row(kind: Callable[..., Item]) -> Callable[..., Item | str]:
    """Make the rows of a verb that ends a part with a row that holds nothing but `next`: that one becomes a string."""

    def made(*, next: str | None, **columns: Any) -> Item | str:  # noqa: A002  the column's name
        return kind(**columns) if next is None else next

    return made


def split(rows: list[Item | str]) -> tuple[list[Item], str | None]:
    """Split such rows into the items, and the place to go on after (None: that was all)."""
    items = [each for each in rows if not isinstance(each, str)]
    return items, next((each for each in rows if isinstance(each, str)), None)


def filters(wish: msgspec.Struct) -> str:
    """What a request filters by, as JSON: its fields that are set."""
    return msgspec.json.encode({name: value for name, value in msgspec.structs.asdict(wish).items() if value}).decode()
