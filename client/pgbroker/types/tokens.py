"""Access tokens and what they allow."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Scope = Literal["publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens"]


class ListedToken(Struct, frozen=True):
    """What a token allows. `expires_at` None: it does not end. `requests_per_second` None: no limit."""

    id: str
    name: str
    scopes: list[str]
    topics: list[str]
    created_at: datetime
    expires_at: datetime | None
    requests_per_second: int | None


class MintedToken(Struct, frozen=True):
    """A new token. Store `token`: it is not shown again."""

    id: str
    name: str
    token: str
    scopes: list[str]
    topics: list[str]
    created_at: datetime
    expires_at: datetime | None
    requests_per_second: int | None

    def __repr__(self) -> str:  # a secret stays out of logs
        return f"MintedToken(id={self.id!r}, name={self.name!r}, token='…')"
