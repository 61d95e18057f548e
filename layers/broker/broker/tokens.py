"""Bearer tokens: what each allows, on which topics."""

import hashlib
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec

from broker import database, pagination, settings, token_format
from broker.errors import Conflict, Fault, Forbidden, InvalidInput, NotFound, Unauthorized
from broker.fields import TokenName

Scope = Literal["publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens"]
SCOPES: tuple[Scope, ...] = ("publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens")

# The name of a topic, or a prefix and a star.
Pattern = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]{1,128}|[A-Za-z0-9._-]{0,127}\*)\Z")]

ExpiresInSeconds = Annotated[int, msgspec.Meta(ge=60, le=315_360_000)]  # a minute to ten years

RequestsPerSecond = Annotated[int, msgspec.Meta(ge=1, le=10_000)]

CACHE_SECONDS = 60  # a revoked token is refused everywhere after this long
CACHE_SIZE = 1000  # tokens in each of the two caches

Value = TypeVar("Value")
Cache = OrderedDict[bytes, tuple[float, Value]]  # by digest: until when, what; the oldest first

# Two, so that many tokens that are revoked, or belong to another broker with the same key, push no good one out.
_known: Cache["Token"] = OrderedDict()
_refused: Cache[None] = OrderedDict()


class Mint(msgspec.Struct, forbid_unknown_fields=True):
    """The request for a token.

    Without `expires_in_seconds` it ends when the minting token ends, if that ends; without `requests_per_second` it has
    that token's limit, if that has one.
    """

    name: TokenName
    scopes: Annotated[list[Scope], msgspec.Meta(min_length=1, max_length=len(SCOPES))]
    topics: Annotated[list[Pattern], msgspec.Meta(min_length=1, max_length=100)] = msgspec.field(
        default_factory=lambda: ["*"]
    )
    expires_in_seconds: ExpiresInSeconds | None = None
    requests_per_second: RequestsPerSecond | None = None


class Token(msgspec.Struct, frozen=True):
    """A token without its text, which is not stored. `expires_at` None: it never ends.

    `requests_per_second` is its limit in each process; None: it has none.
    """

    id: UUID
    name: str
    scopes: list[str]
    topics: list[str]
    created_at: datetime
    expires_at: datetime | None
    requests_per_second: int | None

    def is_valid_for(self, seconds: float) -> bool:
        """Whether the token ends later than so many seconds from now, by this machine's clock."""
        return self.expires_at is None or datetime.now(UTC) + timedelta(seconds=seconds) <= self.expires_at

    def demand(self, scope: Scope, topic: str | None) -> None:
        """Raise Forbidden unless the token has the scope and, where there is one, may touch the topic."""
        if scope not in self.scopes:
            raise Forbidden(f"the token does not have the scope {scope}")
        if topic is not None and not self.covers(topic):
            raise Forbidden("the token does not cover this topic")

    def covers(self, topic: str) -> bool:
        """Whether one of the token's patterns covers a topic's name, or all that another pattern covers."""
        return any(covers(pattern, topic) for pattern in self.topics)


class MintedToken(msgspec.Struct, frozen=True):
    """A new token. `token`, its text, is shown only here."""

    id: UUID
    name: str
    token: str
    scopes: list[Scope]
    topics: list[str]
    created_at: datetime
    expires_at: datetime | None
    requests_per_second: int | None


def covers(pattern: str, topic: str) -> bool:
    """Whether a pattern covers a topic's name, or all that another pattern covers."""
    if pattern.endswith("*"):
        return topic.startswith(pattern[:-1])
    return pattern == topic


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token, which is all that is stored of it."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def authorize(token: str) -> Token:
    """Look up what a token allows; the result is cached for 60 s. Raises Unauthorized when it is unknown or has ended.

    A text that is no token of this broker is refused without a look at the database, and leaves nothing in a cache.
    """
    key, now = digest(token), time.monotonic()
    if (entry := _known.get(key)) and entry[0] >= now and entry[1].is_valid_for(0):
        return entry[1]
    if not token_format.verify(token, settings.token_keys()):
        raise Unauthorized
    if (refusal := _refused.get(key)) and refusal[0] >= now:
        raise Unauthorized
    found = database.call(
        "SELECT id, name, scopes, topics, created_at, expires_at, requests_per_second"
        " FROM broker.authorize_token(%(hash)s)",
        {"hash": key},
        Token,
    )
    if not found:
        _remember(_refused, key, None)
        raise Unauthorized
    _remember(_known, key, found[0])
    return found[0]


def _remember(cache: Cache[Value], key: bytes, value: Value) -> None:
    cache[key] = (time.monotonic() + CACHE_SECONDS, value)
    cache.move_to_end(key)
    if len(cache) > CACHE_SIZE:
        cache.popitem(last=False)


def forget() -> None:
    """Empty both caches."""
    _known.clear()
    _refused.clear()


def mint(request: Mint, minter: Token) -> MintedToken:
    """Make a token that allows no more than the minter's, ends no later, and has no higher limit.

    Raises InvalidInput, or Conflict when the name is taken. A token that has ended keeps its name while it is listed.
    """
    faults = [
        Fault("the minting token does not have this scope", f"/scopes/{nth}")
        for nth, scope in enumerate(request.scopes)
        if scope not in minter.scopes
    ] + [
        Fault("the minting token does not cover this pattern", f"/topics/{nth}")
        for nth, pattern in enumerate(request.topics)
        if not minter.covers(pattern)
    ]
    if request.expires_in_seconds is not None and not minter.is_valid_for(request.expires_in_seconds):
        faults.append(Fault("the minting token ends before that", "/expires_in_seconds"))
    limit = minter.requests_per_second if request.requests_per_second is None else request.requests_per_second
    if limit is not None and minter.requests_per_second is not None and limit > minter.requests_per_second:
        faults.append(Fault("the minting token has a lower limit", "/requests_per_second"))
    if faults:
        raise InvalidInput("a token cannot grant more than it holds", faults=faults)
    token = token_format.make(settings.token_keys()[0])
    minted = database.call(
        "SELECT id, created_at, expires_at FROM broker.mint_token("
        "%(name)s, %(hash)s, %(scopes)s::text[], %(topics)s::text[], %(expires_in)s::integer, %(latest)s::timestamptz,"
        " %(limit)s::integer)",
        {
            "name": request.name,
            "hash": digest(token),
            "scopes": request.scopes,
            "topics": request.topics,
            "expires_in": request.expires_in_seconds,
            "latest": minter.expires_at,
            "limit": limit,
        },
        partial(
            MintedToken,
            name=request.name,
            token=token,
            scopes=request.scopes,
            topics=request.topics,
            requests_per_second=limit,
        ),
    )
    if not minted:
        raise Conflict("a token with this name exists")
    return minted[0]


def list_tokens(after: UUID | None, limit: int) -> pagination.Page[Token]:
    """List tokens, the oldest first, after the token `after`; those that have ended too, until Maintain clears them."""
    return pagination.cut(_list(None, after, limit + 1), limit, "id")


def read(token_id: UUID) -> Token:
    """Read one token. Raises NotFound."""
    if found := _list(token_id, None, 1):
        return found[0]
    raise NotFound("there is no such token")


def revoke(token_id: UUID, revoker: Token) -> None:
    """Delete a token. Other processes may accept it for up to 60 s more.

    Raises NotFound, or Forbidden when the token allows more than the revoking token does.
    """
    found = read(token_id)
    if not (set(found.scopes) <= set(revoker.scopes) and all(map(revoker.covers, found.topics))):
        raise Forbidden("the token allows more than the revoking token does")
    revoked: bool = database.value("SELECT broker.revoke_token(%(id)s)", {"id": token_id})
    forget()
    if not revoked:
        raise NotFound("there is no such token")


def _list(token_id: UUID | None, after: UUID | None, limit: int) -> list[Token]:
    return database.call(
        "SELECT id, name, scopes, topics, created_at, expires_at, requests_per_second"
        " FROM broker.list_tokens(%(id)s::uuid, %(after)s::uuid, %(limit)s)",
        {"id": token_id, "after": after, "limit": limit},
        Token,
    )
