"""`publish`: store messages."""

from pathlib import Path
from typing import TypedDict

import click
import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.content import STANDARD_INPUT, check_json, read_all
from pgbroker.cli.names import TOPIC
from pgbroker.cli.session import Session
from pgbroker.cli.values import Pair


class Fields(TypedDict):
    """What the options say of a message, besides its content."""

    key: str | None
    sender: str | None
    attributes: dict[str, str] | None


@command(
    examples=(
        """pgbroker publish orders '{"order": 1}' --key customer-7 --attribute kind=new""",
        """printf '{"order": 2}\\n{"order": 3}\\n' | pgbroker publish orders --lines""",
        "pgbroker publish orders --text 'no JSON'",
    )
)
@TOPIC
@click.argument("content", required=False)
@click.option(
    "--file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), help="Read it from a file."
)
@click.option("--text", is_flag=True, help="The content is a plain text, not JSON.")
@click.option("--lines", is_flag=True, help="Each line is the content of a message.")
@click.option("--key", help="A name for what the message is about.")
@click.option("--sender", help="By default the name of the token.")
@click.option("--attribute", "attributes", type=Pair("="), multiple=True, help="An attribute: name=value.")
@click.option("--idempotency-key", help="With the same key, repeating the command stores nothing again, for a day.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 32),
    metavar="NUMBER",
    default=4,
    show_default=True,
    help="Of --lines: requests under way at once; 1 keeps the order of the lines.",
)
@click.option("--no-progress", is_flag=True, help="Of --lines: show no progress bar.")
def publish(
    session: Session,
    topic: str,
    content: str | None,
    file: Path | None,
    key: str | None,
    sender: str | None,
    attributes: tuple[tuple[str, str], ...],
    idempotency_key: str | None,
    concurrency: int,
    *,
    text: bool,
    lines: bool,
    no_progress: bool,
) -> None:
    """Store a message, or with --lines many. A missing topic is created.

    CONTENT is JSON; without it, or with `-`, it is read from standard input.

    With --lines, up to 1,000 lines of 4 MiB are stored together, all or none. It stops at a line that is refused, and
    says which lines are stored. Publishing the same file again within a day stores only what is not stored yet; for
    lines from standard input, give an --idempotency-key.
    """
    if content not in {None, STANDARD_INPUT} and (file is not None or lines):
        raise click.UsageError("the content is given twice, or is a line: give a --file, or standard input")
    fields = Fields(key=key, sender=sender, attributes=dict(attributes) or None)
    if lines:
        from pgbroker.cli.lines import publish_lines

        publish_lines(
            session,
            topic,
            None if file is None or str(file) == STANDARD_INPUT else file,
            dict(fields),
            idempotency_key=idempotency_key,
            concurrency=concurrency,
            text=text,
            progress=not no_progress,
        )
        return
    body = read_all(session, content, file)
    if text:
        body = msgspec.json.encode(body.decode("utf-8", "replace"))
    check_json(body, "the content")
    message_id = session.broker.publish(topic, msgspec.Raw(body.strip()), idempotency_key=idempotency_key, **fields)
    session.out.one({"id": message_id}, "id")
