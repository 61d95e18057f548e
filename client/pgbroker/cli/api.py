"""`api`: any request."""

import sys
from uuid import uuid4

import click
import msgspec

from pgbroker.cli.command import command
from pgbroker.cli.content import check_json, read_all
from pgbroker.cli.output import one_line
from pgbroker.cli.session import Session
from pgbroker.cli.values import Pair
from pgbroker.request import JSON, Request


@command(
    examples=(
        "pgbroker api GET /health",
        """pgbroker api POST /topics/orders/consume '{"max": 2}'""",
    )
)
@click.argument("method", type=click.Choice(["GET", "POST", "PUT", "PATCH", "DELETE"], case_sensitive=False))
@click.argument("path")
@click.argument("body", required=False)
@click.option("--header", "-H", "headers", type=Pair(":"), multiple=True, help="A header: 'Name: value'.")
def api(session: Session, method: str, path: str, body: str | None, headers: tuple[tuple[str, str], ...]) -> None:
    """Send any request, and print the response's body: as it is, or indented on a terminal.

    BODY is JSON; `-` reads it from standard input. A POST has an Idempotency-Key, so that its tries do one thing.
    """
    given = dict(headers)
    if any(name.lower() == "authorization" for name in given):
        raise click.UsageError("a token on the command line is seen by others: set TOKEN, or use `pgbroker login`")
    payload = None if body is None else read_all(session, body)
    if payload is not None:
        check_json(payload, "the body")
    headers_of_all = {**(JSON if payload else {}), **({"Idempotency-Key": str(uuid4())} if method == "POST" else {})}
    own = {name.lower() for name in given}
    given |= {name: value for name, value in headers_of_all.items() if name.lower() not in own}
    answer = session.broker.send(Request(method, f"/{path.lstrip('/')}", bytes, payload, given))
    if not answer:
        return
    if session.output == "json" or (session.output is None and sys.stdout.isatty()):
        answer = msgspec.json.format(answer)
    session.out.line(one_line(answer) if session.output == "ndjson" else answer)
