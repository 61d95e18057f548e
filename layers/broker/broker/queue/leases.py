"""Consume: lease messages to a consumer. Settle: end the leases by their receipts."""

import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec

from broker import database, deadlines, telemetry
from broker.errors import Fault, InvalidInput, StaleReceipt
from broker.fields import DelaySeconds, LeaseSeconds, Reason

MAX_RECEIPTS = 1000
FIRST_PAUSE, LAST_PAUSE = 0.05, 0.5  # seconds between the looks of a long poll

# A claim starts at its topic's floor, the oldest ready_at that the last claim found, or the time of a claim that found
# nothing, less a margin for late commits: so it skips the index entries of rows that were removed. After FLOOR_SECONDS
# the next one starts at the beginning, and finds what committed later than the margin allows.
FLOOR_SECONDS = 5
FLOOR_MARGIN = timedelta(seconds=1)
MAX_FLOORS = 1000
_floors: dict[str, tuple[float, datetime]] = {}

Receipt = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[1-9][0-9]{0,8}\Z")]


class Consume(msgspec.Struct, forbid_unknown_fields=True):
    """The request to take messages. `lease_seconds` defaults to the topic's. `auto_ack` delivers at most once."""

    max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    lease_seconds: LeaseSeconds | None = None
    wait_seconds: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    auto_ack: bool = False


class Ack(msgspec.Struct, forbid_unknown_fields=True):
    """Done: remove the message."""

    receipt: Receipt


class Release(msgspec.Struct, forbid_unknown_fields=True):
    """Not done: make the message ready again after the delay."""

    receipt: Receipt
    delay_seconds: DelaySeconds = 0


class Extend(msgspec.Struct, forbid_unknown_fields=True):
    """Not done yet: end the lease this many seconds from now; by default the topic's lease."""

    receipt: Receipt
    lease_seconds: LeaseSeconds | None = None


class Reject(msgspec.Struct, forbid_unknown_fields=True):
    """Never to be done: move the message to the dead letters."""

    receipt: Receipt
    reason: Reason | None = None


class Settle(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The receipts to settle, 1,000 at most in all."""

    ack: list[Receipt | Ack] = []
    release: list[Receipt | Release] = []
    extend: list[Receipt | Extend] = []
    reject: list[Receipt | Reject] = []


class LeasedMessage(msgspec.Struct, frozen=True):
    """A message on lease. Settle `receipt` before `lease_expires_at`, or the message is ready again.

    Both are None for a message taken with `auto_ack`, which is removed.
    """

    id: UUID
    receipt: str | None
    content: msgspec.Raw
    sender: str
    key: str | None
    attributes: msgspec.Raw | None
    created_at: datetime
    receives: int
    lease_expires_at: datetime | None


class Settled(msgspec.Struct, frozen=True):
    """How many leases ended in which way. `gone`: settled before, harmless. `stale`: taken over, so not changed."""

    acked: int
    released: int
    extended: int
    rejected: int
    gone: list[str]
    stale: list[str]


def consume(topic: str, request: Consume) -> list[LeasedMessage]:
    """Lease up to `request.max` ready messages of `topic`, oldest first.

    An empty list when nothing is ready within `request.wait_seconds`. While a lease runs, no other consumer gets its
    message; after it the message is ready again, until its receives are exhausted. Raises NotFound.
    """
    until = time.monotonic() + min(request.wait_seconds, deadlines.left() - deadlines.CLAIM_SECONDS)
    pause = FIRST_PAUSE
    while not (claimed := _claim(topic, request)) and (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LAST_PAUSE)
    return claimed


def settle(topic: str, request: Settle) -> Settled:
    """End leases in one transaction, each receipt by itself. Safe to repeat.

    Raises NotFound for an unknown topic. Raises InvalidInput, and changes nothing, when a receipt belongs to another
    topic or is listed more than once, or when there are over 1,000.
    """
    if len(request.ack) + len(request.release) + len(request.extend) + len(request.reject) > MAX_RECEIPTS:
        raise InvalidInput(faults=[Fault(f"there are over {MAX_RECEIPTS} receipts", pointer="")])
    [settled] = database.call(
        "SELECT acked, released, extended, rejected, gone, stale, dead"
        " FROM broker.settle_unchecked(%(topic)s, %(receipts)s::json)",
        {"topic": topic, "receipts": msgspec.json.encode(request).decode()},
        _settled,
    )
    return settled


def ack(topic: str, receipt: str) -> None:
    """Settle one message as done, also when it was settled before. Raises StaleReceipt when another consumer has it."""
    try:
        settled = settle(topic, Settle(ack=[receipt]))
    except InvalidInput as error:  # its pointers are into the body of a settle
        faults = [Fault(fault.detail, parameter="receipt") for fault in error.faults]
        raise InvalidInput(error.detail, faults=faults) from None
    if settled.stale:
        raise StaleReceipt


def _settled(dead: int, **columns: Any) -> Settled:
    settled = Settled(**columns)
    telemetry.count("Acked", settled.acked)
    telemetry.count("Dead", dead)
    return settled


def forget() -> None:
    """Forget the floors: the next claims start at the beginning."""
    _floors.clear()


def _claim(topic: str, request: Consume) -> list[LeasedMessage]:
    ready_at: list[datetime] = []

    def leased(was_ready_at: datetime, dead: int | None, **columns: Any) -> LeasedMessage | None:
        if dead is not None:  # a last row, with this count only
            telemetry.count("Dead", dead)
            return None
        ready_at.append(was_ready_at)
        return LeasedMessage(**columns)

    now = time.monotonic()
    until, floor = _floors.get(topic, (0.0, None))
    if until < now:
        floor = None
    rows = database.call(
        "SELECT id, receipt, content, sender, key, attributes, created_at, receives, lease_expires_at, was_ready_at,"
        " dead FROM broker.consume(%(topic)s, %(max)s, %(lease)s::integer, %(auto_ack)s, %(floor)s::timestamptz,"
        " p_count_dead => true)",
        {
            "topic": topic,
            "max": request.max,
            "lease": request.lease_seconds,
            "auto_ack": request.auto_ack,
            "floor": floor,
        },
        leased,
    )
    claimed = [row for row in rows if row is not None]
    if ready_at:
        telemetry.count("Consumed", len(claimed))
        telemetry.count_age(min(ready_at), datetime.now(UTC))
    elif not floor:
        ready_at.append(database.value("SELECT statement_timestamp()"))
    if ready_at:
        if len(_floors) >= MAX_FLOORS:
            _floors.clear()
        _floors[topic] = (until if floor else now + FLOOR_SECONDS, min(ready_at) - FLOOR_MARGIN)
    return claimed
