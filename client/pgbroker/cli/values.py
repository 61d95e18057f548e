"""What options take: durations, times, names, and pairs."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import click

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Null(Enum):
    """The word `none`: null in JSON."""

    NONE = "none"


class Duration(click.ParamType[int]):
    """Whole seconds, written as `30s`, `5m`, `2h`, `7d`, or `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isdecimal():
            return int(value)
        if not re.fullmatch(r"(\d+[smhd])+", value):
            self.fail(f"{value!r} is no duration. Write 30s, 5m, 2h or 7d.", param, ctx)
        return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", value))


class Moment(click.ParamType[datetime]):
    """A time: RFC 3339, or how long ago, as a duration. Without a zone it is local."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        if re.fullmatch(r"(\d+[smhd])+", value):
            return datetime.now(UTC) - timedelta(seconds=DURATION.convert(value, param, ctx))
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            self.fail(f"{value!r} is no time. Write 2026-11-24T09:30:00Z, or 2h for two hours ago.", param, ctx)


class Count(click.ParamType[int]):
    """A number from 1 on."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = click.IntRange(1).convert(value, param, ctx)
        return number


class Names(click.ParamType[tuple[str, ...]]):
    """Names, separated by commas."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]
        names = tuple(name.strip() for name in value.split(","))
        if not all(names):
            self.fail(f"{value!r} has an empty name.", param, ctx)
        return names


class Durations(click.ParamType[list[int]]):
    """Durations, separated by commas."""

    name = "durations"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        if isinstance(value, list):
            return value  # pyright: ignore[reportUnknownVariableType]
        return [DURATION.convert(each.strip(), param, ctx) for each in value.split(",")]


class Pair(click.ParamType[tuple[str, str]]):
    """A name and a value, with a separator between them."""

    def __init__(self, separator: str) -> None:
        self.separator = separator
        self.name = f"name{separator}value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]
        name, found, rest = value.partition(self.separator)
        if not (name.strip() and found):
            self.fail(f"{value!r} is not written as {self.name}.", param, ctx)
        return name.strip(), rest.strip() if self.separator == ":" else rest


class OrNone(click.ParamType[Any]):
    """A value of another type, or the word `none`, which is null in JSON."""

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self.kind = kind
        self.name = f"{kind.name}|{Null.NONE.value}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return Null.NONE if value in {Null.NONE, Null.NONE.value} else self.kind.convert(value, param, ctx)


COUNT = Count()
DURATION = Duration()
DURATIONS = Durations()
MOMENT = Moment()
NAMES = Names()


def given(**values: Any) -> Mapping[str, Any]:
    """Return the options that are given, with None for Null.NONE."""
    return {name: None if value is Null.NONE else value for name, value in values.items() if value is not None}
