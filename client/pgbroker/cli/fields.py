"""Fields of results, by their path: `queue.waiting`, `content.order`."""

from typing import Any

import click
import msgspec


def pick(item: Any, path: str) -> Any:
    """Return the value at a path. Content that lacks it gives None; a field that no result has is a UsageError."""
    value = item
    for number, name in enumerate(path.split(".")):
        if isinstance(value, msgspec.Struct):
            if name not in value.__struct_fields__:
                raise click.UsageError(f"there is no field {name!r}: choose from {', '.join(value.__struct_fields__)}")
            value = getattr(value, name)
            continue
        if isinstance(value, msgspec.Raw):
            value = msgspec.json.decode(value)
        if number == 0 and isinstance(value, dict) and name not in value:
            raise click.UsageError(f"there is no field {name!r}: choose from {', '.join(value)}")  # pyright: ignore[reportUnknownArgumentType]
        value = _inside(value, name)
    return value


def fields(item: Any) -> dict[str, Any]:
    """Return all fields of a result by name."""
    return msgspec.structs.asdict(item) if isinstance(item, msgspec.Struct) else dict(item)


def _inside(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):  # pyright: ignore[reportUnknownArgumentType]
        return value[int(name)]  # pyright: ignore[reportUnknownVariableType]
    return None
