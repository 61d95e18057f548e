"""`ack`, `release`, `reject`, `extend` and `settle`: end leases."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from pgbroker.cli.command import command
from pgbroker.cli.content import check_json, read_all
from pgbroker.cli.exits import IN_PART
from pgbroker.cli.names import TOPIC
from pgbroker.cli.receipts import batches
from pgbroker.cli.session import Session
from pgbroker.cli.values import DURATION
from pgbroker.request import path, post, reader
from pgbroker.types import Extend, Reject, Release, Settled

RECEIPTS = click.argument("receipts", nargs=-1, metavar="[RECEIPT|-]...")
NOTHING = Settled(0, 0, 0, 0, [], [])


@command(examples=("pgbroker consume orders --max 5 | pgbroker ack orders", 'pgbroker ack orders "$RECEIPT"'))
@TOPIC
@RECEIPTS
def ack(session: Session, topic: str, receipts: tuple[str, ...]) -> int:
    """Acknowledge messages: they are done, and removed.

    Receipts are arguments, or lines of standard input: what `consume` prints, or one a line. The exit code is 5 when
    one is stale: another consumer has leased its message since.
    """
    return _settle(session, topic, receipts, lambda batch: {"ack": batch})


@command(
    examples=(
        "pgbroker consume orders --max 5 | pgbroker release orders",
        'pgbroker release orders "$RECEIPT" --delay 5m',
    )
)
@TOPIC
@RECEIPTS
@click.option("--delay", type=DURATION, default=0, help="How long until they are ready again.")
def release(session: Session, topic: str, receipts: tuple[str, ...], delay: int) -> int:
    """Return messages to their topic: they are ready again, at once or after a delay."""
    return _settle(session, topic, receipts, lambda batch: {"release": [Release(each, delay) for each in batch]})


@command(
    examples=(
        "pgbroker consume orders --max 5 | pgbroker reject orders",
        """pgbroker reject orders "$RECEIPT" --reason 'no such customer'""",
    )
)
@TOPIC
@RECEIPTS
@click.option("--reason", help="Why; `pgbroker dead ls` shows it.")
def reject(session: Session, topic: str, receipts: tuple[str, ...], reason: str | None) -> int:
    """Make messages dead letters: they can never be processed."""
    return _settle(session, topic, receipts, lambda batch: {"reject": [Reject(each, reason) for each in batch]})


@command(
    examples=(
        "pgbroker consume orders --max 5 | pgbroker extend orders --lease 10m",
        'pgbroker extend orders "$RECEIPT"',
    )
)
@TOPIC
@RECEIPTS
@click.option("--lease", type=DURATION, help="How long from now; by default the topic's.")
def extend(session: Session, topic: str, receipts: tuple[str, ...], lease: int | None) -> int:
    """Make leases end later: the messages are not done yet."""
    return _settle(session, topic, receipts, lambda batch: {"extend": [Extend(each, lease) for each in batch]})


@command(
    examples=(
        """echo '{"ack": ["'$RECEIPT'"]}' | pgbroker settle orders""",
        """echo '{"reject": [{"receipt": "'$RECEIPT'", "reason": "no such customer"}]}' | pgbroker settle orders -""",
    )
)
@TOPIC
@click.argument("body", required=False)
def settle(session: Session, topic: str, body: str | None) -> int:
    """End leases in several ways at once. BODY is the JSON of the API, by default from standard input."""
    payload = read_all(session, body)
    check_json(payload, "the body")
    return _print(session, session.broker.send(post(path("topics", topic, "settle"), payload, reader(Settled))))


def _settle(
    session: Session, topic: str, receipts: tuple[str, ...], ways: Callable[[Sequence[str]], Mapping[str, Any]]
) -> int:
    total = NOTHING
    for batch in batches(receipts):
        total = add(total, session.broker.settle(topic, **ways(batch)))
    return _print(session, total)


def add(total: Settled, part: Settled) -> Settled:
    """Add what two requests settled."""
    return Settled(*(getattr(total, name) + getattr(part, name) for name in Settled.__struct_fields__))


def _print(session: Session, settled: Settled) -> int:
    session.out.one(settled, "acked", "released", "extended", "rejected")
    if settled.stale:
        session.note(f"Stale receipts: {len(settled.stale)}. Other consumers have leased these messages since.")
        return IN_PART
    return 0
