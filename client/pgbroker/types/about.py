"""What the broker says of itself."""

from typing import Any, Literal

from msgspec import Struct


class Root(Struct, frozen=True):
    """The broker's name and version, and where to go on."""

    name: Literal["pgbroker"]
    version: str
    links: dict[str, str]


class Health(Struct, frozen=True):
    """`ok`; any other state is an error."""

    status: Literal["ok"]


Contract = dict[str, Any]  # the document of OpenAPI 3.1
