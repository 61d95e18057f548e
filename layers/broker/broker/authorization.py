"""Who sends a request: the bearer token, what it allows, on which topics, and for how long this process knows it."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec

from broker import database, settings, token_format
from broker.errors import Forbidden, Unauthorized

Scope = Literal["publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens"]
SCOPES: tuple[Scope, ...] = ("publish", "consume", "subscribe", "broadcast", "browse", "manage", "tokens")

# The name of a topic, or a prefix and a star.
Pattern = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9._-]{1,128}|[A-Za-z0-9._-]{0,127}\*)\Z")]

CACHE_SECONDS = 60  # a revoked token is refused everywhere after this long
CACHE_SIZE = 1000  # tokens in each of the two caches

Value = TypeVar("Value")
Cache = OrderedDict[bytes, tuple[float, Value]]  # by digest: until when, what; the oldest first

# Two, so that many tokens that are revoked, or belong to another broker with the same key, push no good one out.
_known: Cache["Token"] = OrderedDict()
_refused: Cache[None] = OrderedDict()


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

    def demand(self, scopes: Collection[str], topic: str | None) -> None:
        """Raise Forbidden unless the token has one of the scopes and, where there is one, may touch the topic."""
        if not any(scope in self.scopes for scope in scopes):
            raise Forbidden(f"the token does not have the scope {' or '.join(scopes)}")
        if topic is not None and not self.covers(topic):
            raise Forbidden("the token does not cover this topic")

    def covers(self, topic: str) -> bool:
        """Whether one of the token's patterns covers a topic's name, or all that another pattern covers."""
        return any(covers(pattern, topic) for pattern in self.topics)


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
