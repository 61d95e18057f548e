"""`consume`: lease messages, print them or hand them to a command, and settle them."""

from contextlib import nullcontext, suppress
from math import inf
from sys import maxsize

import click

from pgbroker.cli.command import command
from pgbroker.cli.exits import DONE, IN_PART, REFUSED
from pgbroker.cli.names import TOPIC
from pgbroker.cli.session import Session
from pgbroker.cli.values import COUNT, DURATION

MANY = 10  # messages that are taken without --max, as the API does
FOLLOW_SECONDS = 5  # of a poll that an end has to wait for
AFTER_FAILURE_SECONDS = 30
EXEC_LEASE_SECONDS = 60
FOLLOWED = 100  # messages in a batch
PAGE = 1000


@command(
    examples=(
        "pgbroker consume orders --max 2 --lease 1m",
        """pgbroker consume orders --exec 'grep -q order' --retry-delay 1m""",
        "pgbroker consume orders --ack --content --output raw > orders.ndjson",
    )
)
@TOPIC
@click.option("--max", "maximum", type=COUNT, help="Stop after so many: 10, or no limit with --follow or --exec.")
@click.option("--lease", type=DURATION, help="How long they are hidden from other consumers; by default the topic's.")
@click.option("--wait", type=DURATION, help="How long to wait for the first, up to 20s; with --follow each time: 5s.")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C or SIGTERM, and finish what is under way.")
@click.option("--ack", "acks", is_flag=True, help="Acknowledge each message after its line is written.")
@click.option("--auto-ack", is_flag=True, help="Remove messages as they are read: at most once.")
@click.option(
    "--exec", "program", metavar="CMD", help="Run a shell command for each message, and settle it by its exit code."
)
@click.option(
    "--retry-delay",
    type=DURATION,
    default=AFTER_FAILURE_SECONDS,
    help="Of --exec: when a message is ready after a failure: 30s.",
)
@click.option("--content", is_flag=True, help="Print only the contents.")
@click.option("--fail-empty", is_flag=True, help="Exit with 1 when there was no message.")
def consume(
    session: Session,
    topic: str,
    maximum: int | None,
    lease: int | None,
    wait: int | None,
    program: str | None,
    retry_delay: int,
    *,
    follow: bool,
    acks: bool,
    auto_ack: bool,
    content: bool,
    fail_empty: bool,
) -> int:
    """Lease the oldest ready messages, and print them with their receipts.

    Settle the receipts before `lease_expires_at`, or the messages are ready again: with `pgbroker ack`, --ack or
    --exec.

    With --exec a command takes the messages one by one, without limit, until none is ready. It has the content on
    standard input, and PGBROKER_ID, PGBROKER_TOPIC, PGBROKER_KEY, PGBROKER_SENDER, PGBROKER_ATTRIBUTES (JSON),
    PGBROKER_CREATED_AT, PGBROKER_RECEIVES and PGBROKER_RECEIPT in its environment. Its lease is extended while it
    runs. Exit code 0 acknowledges the message, 65 rejects it, and every other one releases it.
    """
    if acks + auto_ack + bool(program) > 1:
        raise click.UsageError("--ack, --auto-ack and --exec exclude each other")

    from pgbroker.cli.batches import Take, batches
    from pgbroker.cli.ending import Ending
    from pgbroker.cli.handled import Handled
    from pgbroker.cli.patient import Ended
    from pgbroker.cli.printed import Printed

    take = Take(
        topic=topic,
        maximum=maximum or (maxsize if follow or program else MANY),
        batch_size=1 if program else FOLLOWED if follow else PAGE,
        lease_seconds=lease or (EXEC_LEASE_SECONDS if program else None),
        wait_seconds=wait if wait is not None else FOLLOW_SECONDS if follow else 0,
        auto_ack=auto_ack,
        follow=follow,
    )
    count = 0
    with session.connect(timeout=inf if follow else None) as broker:
        ending = Ending(broker)
        sink = (
            Handled(session, broker, take, program, retry_delay)
            if program
            else Printed(session, broker, take, acks=acks, content=content)
        )
        with suppress(Ended), sink, ending if follow or program else nullcontext():
            for messages in batches(broker, take, ending):
                count += len(messages)
                sink.take(messages)
    if ending.code is not None:
        return ending.code
    if not count and fail_empty:
        return REFUSED
    return IN_PART if sink.failed else DONE
