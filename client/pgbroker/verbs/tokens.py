"""Access tokens: who may do what."""

from collections.abc import Sequence

from pgbroker.request import Request, delete, get, optional, path, post, reader
from pgbroker.types import ListedToken, MintedToken, Page, Scope


def list_tokens(*, limit: int | None = None, after: str | None = None) -> Request[Page[ListedToken]]:
    """List what tokens allow, the oldest first, up to `limit` (100, at most 1,000) of them."""
    return get(path("tokens", limit=limit, after=after), reader(Page[ListedToken]))


def mint_token(
    name: str,
    scopes: Sequence[Scope],
    *,
    topics: Sequence[str] | None = None,
    expires_in_seconds: int | None = None,
    requests_per_second: int | None = None,
) -> Request[MintedToken]:
    """Make a token with no more rights than yours. Only this result has it. Raises Conflict when the name is taken.

    `topics` are names, or prefixes and a star; by default all.
    """
    payload = optional(
        name=name,
        scopes=scopes,
        topics=topics,
        expires_in_seconds=expires_in_seconds,
        requests_per_second=requests_per_second,
    )
    return post(path("tokens"), payload, reader(MintedToken))


def read_own_token() -> Request[ListedToken]:
    """Read what your token allows."""
    return get(path("tokens", "self"), reader(ListedToken))


def read_token(token_id: str) -> Request[ListedToken]:
    """Read what a token allows."""
    return get(path("tokens", token_id), reader(ListedToken))


def revoke_token(token_id: str) -> Request[None]:
    """Revoke a token. It is refused everywhere within 60 seconds."""
    return delete(path("tokens", token_id))
