"""`webhook`: sign webhooks, and verify them."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from pgbroker.cli.command import command, group
from pgbroker.cli.content import read_all
from pgbroker.cli.exits import Misused, Refused
from pgbroker.cli.session import Session
from pgbroker.cli.values import DURATION, MOMENT, Pair

webhook = group("webhook", "Sign webhooks as the broker does, and verify them.")
VARIABLE = "WEBHOOK_SECRET"
FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
SECRET_FILE = click.option(
    "--secret-file", type=FILE, help=f"A file with the secrets, by default ${VARIABLE}: several between spaces."
)


@command(
    webhook,
    examples=(
        "pgbroker webhook sign --file body.json --id msg_1",
        "pgbroker webhook sign --file body.json --output raw > headers.txt",
    ),
)
@click.option("--file", type=FILE, help="The body of the request; by default standard input.")
@click.option("--id", "webhook_id", default="msg_test", show_default=True, help="The webhook-id.")
@click.option("--at", type=MOMENT, help="When it is sent; by default now.")
@SECRET_FILE
def sign(session: Session, file: Path | None, webhook_id: str, at: datetime | None, secret_file: Path | None) -> None:
    """Print the headers with which the broker sends a body, to test a receiver.

    The secret comes from WEBHOOK_SECRET or a file. With `--output raw`, curl takes the headers: `curl -H @headers.txt
    --data-binary @body.json URL`.
    """
    from pgbroker.webhooks import sign as sign_body

    body = read_all(session, None, file)
    try:
        headers = sign_body(body, webhook_id, at or datetime.now(UTC), _secrets(secret_file))
    except ValueError as error:
        raise Misused(str(error)) from error
    if session.form == "raw" and session.columns is None:
        session.out.text(f"{name}: {value}" for name, value in headers.items())
    else:
        session.out.one(headers)


@command(
    webhook,
    examples=(
        "pgbroker webhook verify --file body.json --headers headers.txt",
        "pgbroker webhook verify --file body.json --headers headers.txt --tolerance 7d",
    ),
)
@click.option("--file", type=FILE, help="The body of the request, byte for byte; by default standard input.")
@click.option("--headers", type=FILE, help="A file with its headers, one a line: 'webhook-id: …'.")
@click.option("--header", "-H", "more", type=Pair(":"), multiple=True, help="A header: 'webhook-id: …'.")
@click.option("--tolerance", type=DURATION, default=300, help="How old it may be: 5m by default.")
@SECRET_FILE
def verify(
    session: Session,
    file: Path | None,
    headers: Path | None,
    more: tuple[tuple[str, str], ...],
    tolerance: int,
    secret_file: Path | None,
) -> None:
    """Verify a request that a receiver got, and print its messages. Exit with 1 when it does not fit, and say why."""
    from pgbroker.webhooks import InvalidWebhook
    from pgbroker.webhooks import verify as verify_body

    given = [*_read_headers(headers), *more]
    body = read_all(session, None, file)
    try:
        delivery = verify_body(body, given, _secrets(secret_file), tolerance_seconds=tolerance)
    except InvalidWebhook as error:
        raise Refused(str(error)) from error
    except ValueError as error:
        raise Misused(str(error)) from error
    session.note(
        f"The signature fits: {delivery.webhook_id} of {delivery.topic}, sent at {delivery.sent_at.isoformat()}"
    )
    session.out.many(map(asdict, delivery.messages), "seq", "id", "created_at", "key", "content")


def _secrets(file: Path | None) -> list[str]:
    secrets = (file.read_text() if file else os.environ.get(VARIABLE, "")).split()
    if not secrets:
        raise Misused(f"a secret is needed: set {VARIABLE}, or give a --secret-file")
    return secrets


def _read_headers(file: Path | None) -> list[tuple[str, str]]:
    if file is None:
        return []
    lines = (line.partition(":") for line in file.read_text(encoding="latin-1").splitlines())
    return [(name.strip(), value.strip()) for name, found, value in lines if found]
