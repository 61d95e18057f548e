"""How many requests a second this process takes from a token that has a limit.

Each such token has a bucket, in the memory of this process alone. A full bucket holds the requests of one second; each
request takes one out, and the bucket fills at the rate of the limit. So a process never takes more than
limit + limit * seconds. What other processes take from the token does not count here: the limit is of each process.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from uuid import UUID

POLICY = "requests_per_second"  # the name of the limit in the fields of a response
WINDOW_SECONDS = 1  # in which an empty bucket fills
MAX_BUCKETS = 10_000  # no process takes so many requests while a bucket fills: the one that is dropped is full

# When each bucket is full, in nanoseconds of wall-clock time; the one that is longest unused first.
_full_at: OrderedDict[UUID, int] = OrderedDict()


def take(token_id: UUID, limit: int) -> int | None:
    """Take a request out of a token's bucket. Return how many are left in it; None when it was empty."""
    each = -(-WINDOW_SECONDS * 1_000_000_000 // limit)  # the time in which it fills by one, rounded up
    whole = limit * each
    now = time.time_ns()  # wall-clock time: a frozen environment's monotonic clock may have stood still
    missing = _full_at.get(token_id, 0) - now  # the time until it is full
    if not 0 < missing <= whole:  # it is full; if it is further, the clock was set back
        missing = 0
    if missing + each > whole:
        return None
    _full_at[token_id] = now + missing + each
    _full_at.move_to_end(token_id)
    if len(_full_at) > MAX_BUCKETS:
        _full_at.popitem(last=False)
    return (whole - missing) // each - 1


def fields(limit: int, left: int | None) -> Mapping[str, str]:
    """Return the header fields that show a limit, and what `take` left (draft-ietf-httpapi-ratelimit-headers-11)."""
    return {
        "RateLimit-Policy": f'"{POLICY}";q={limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{POLICY}";r={left or 0};t={WINDOW_SECONDS}',
    }


def forget() -> None:
    """Fill all buckets."""
    _full_at.clear()
