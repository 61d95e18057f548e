"""Bearer tokens: minted, listed and revoked. No token can give another more than it has itself."""

from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import UUID

import msgspec

from broker import authorization, database, pagination, settings, token_format
from broker.authorization import SCOPES, Pattern, Scope, Token
from broker.errors import Conflict, Fault, Forbidden, InvalidInput, NotFound
from broker.fields import TokenName

ExpiresInSeconds = Annotated[int, msgspec.Meta(ge=60, le=315_360_000)]  # a minute to ten years

RequestsPerSecond = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


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
            "hash": authorization.digest(token),
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
    authorization.forget()
    if not revoked:
        raise NotFound("there is no such token")


def _list(token_id: UUID | None, after: UUID | None, limit: int) -> list[Token]:
    return database.call(
        "SELECT id, name, scopes, topics, created_at, expires_at, requests_per_second"
        " FROM broker.list_tokens(%(id)s::uuid, %(after)s::uuid, %(limit)s)",
        {"id": token_id, "after": after, "limit": limit},
        Token,
    )
