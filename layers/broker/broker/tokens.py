"""Bearer tokens: who may do what, with which topics."""

import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from broker import database
from broker.errors import Conflict, Fault, Forbidden, InvalidInput, NotFound, Unauthorized

Scope = Literal["publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens"]
SCOPES: tuple[Scope, ...] = ("publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens")

# A topic's name, or the beginning of names and a star.
Pattern = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]{1,128}|[A-Za-z0-9._-]{0,127}\*)\Z")]

CACHE_SECONDS = 60  # a revoked token is refused everywhere after this long
CACHE_SIZE = 1000
_known: dict[bytes, tuple[float, "Token | None"]] = {}


class Mint(msgspec.Struct, forbid_unknown_fields=True):
    """The request for a token."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,128}\Z")]
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=len(SCOPES))]
    topics: Annotated[list[Pattern], msgspec.Meta(min_length=1, max_length=100)] = msgspec.field(
        default_factory=lambda: ["*"]
    )


@dataclass(frozen=True, slots=True)
class Token:
    """Whom a request comes from."""

    id: UUID
    name: str
    scopes: list[str]
    topics: list[str]

    def demand(self, scope: Scope, topic: str | None) -> None:
        """Raise Forbidden unless the token has the scope and, where there is one, may touch the topic."""
        if scope not in self.scopes:
            raise Forbidden(f"the token lacks the scope {scope}")
        if topic is not None and not self.covers(topic):
            raise Forbidden("the token does not cover this topic")

    def covers(self, topic: str) -> bool:
        """Whether one of the token's patterns covers a topic's name, or all that another pattern covers."""
        return any(covers(pattern, topic) for pattern in self.topics)


@dataclass(frozen=True, slots=True)
class ListedToken:
    """A token as it is shown: never the secret, which is not stored."""

    id: UUID
    name: str
    scopes: list[str]
    topics: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A token just made. `token` is shown this once."""

    id: UUID
    name: str
    token: str
    scopes: list[Scope]
    topics: list[str]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Minted:
    id: UUID
    created_at: datetime


@dataclass(frozen=True, slots=True)
class _Revoked:
    revoked: bool


def covers(pattern: str, topic: str) -> bool:
    """Whether a pattern covers a topic's name, or all that another pattern covers."""
    if pattern.endswith("*"):
        return topic.startswith(pattern[:-1])
    return pattern == topic


def digest(token: str) -> bytes:
    """The SHA-256 of a token: what is stored of it, and looked up."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def authorize(token: str) -> Token:
    """Find the token's rights, looked up by SHA-256 and remembered for 60 s. Raises Unauthorized when unknown."""
    key = digest(token)
    until, known = _known.get(key, (0.0, None))
    if until < time.monotonic():
        found = database.call(
            "SELECT id, name, scopes, topics FROM broker.authorize_token(%(hash)s)", {"hash": key}, Token
        )
        known = found[0] if found else None
        if len(_known) >= CACHE_SIZE:
            _known.clear()
        _known[key] = (time.monotonic() + CACHE_SECONDS, known)
    if known is None:
        raise Unauthorized
    return known


def forget() -> None:
    """Forget what was remembered of tokens."""
    _known.clear()


def mint(wish: Mint, minter: Token) -> MintedToken:
    """Make a token with no more rights than the minter's. Raises InvalidInput, or Conflict when the name is taken."""
    faults = [
        Fault("the minting token lacks this scope", f"/scopes/{nth}")
        for nth, scope in enumerate(wish.scopes)
        if scope not in minter.scopes
    ] + [
        Fault("the minting token does not cover this pattern", f"/topics/{nth}")
        for nth, pattern in enumerate(wish.topics)
        if not minter.covers(pattern)
    ]
    if faults:
        raise InvalidInput("a token gives only what it has", faults=faults)
    token = "brk_" + secrets.token_urlsafe(32)
    minted = database.call(
        "SELECT id, created_at FROM broker.mint_token(%(name)s, %(hash)s, %(scopes)s::text[], %(topics)s::text[])",
        {
            "name": wish.name,
            "hash": digest(token),
            "scopes": wish.scopes,
            "topics": wish.topics,
        },
        _Minted,
    )
    if not minted:
        raise Conflict("there is a token of that name")
    return MintedToken(minted[0].id, wish.name, token, wish.scopes, wish.topics, minted[0].created_at)


def listed(after: UUID | None, limit: int) -> list[ListedToken]:
    """List tokens in the order in which they were made."""
    return _list(None, after, limit)


def read(token_id: UUID) -> ListedToken:
    """Read one token. Raises NotFound."""
    if found := _list(token_id, None, 1):
        return found[0]
    raise NotFound("there is no such token")


def revoke(token_id: UUID, revoker: Token) -> None:
    """Remove a token; other processes may know it for up to 60 s more.

    Raises NotFound, or Forbidden when the token has a right that the revoker lacks.
    """
    found = read(token_id)
    if not (set(found.scopes) <= set(revoker.scopes) and all(map(revoker.covers, found.topics))):
        raise Forbidden("the token has rights that the revoking one lacks")
    [result] = database.call("SELECT broker.revoke_token(%(id)s) AS revoked", {"id": token_id}, _Revoked)
    forget()
    if not result.revoked:
        raise NotFound("there is no such token")


def _list(token_id: UUID | None, after: UUID | None, limit: int) -> list[ListedToken]:
    return database.call(
        "SELECT id, name, scopes, topics, created_at FROM broker.list_tokens(%(id)s::uuid, %(after)s::uuid, %(limit)s)",
        {"id": token_id, "after": after, "limit": limit},
        ListedToken,
    )
