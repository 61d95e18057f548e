"""`tokens`: list, mint and revoke tokens."""

from typing import get_args

import click

from pgbroker.cli.command import command, group
from pgbroker.cli.names import MISSING_OK, YES, Missing, token_id
from pgbroker.cli.session import Session
from pgbroker.cli.values import COUNT, DURATION, given
from pgbroker.errors import NotFound
from pgbroker.types import Scope

tokens = group("tokens", "List, mint and revoke tokens.")


@command(tokens, examples=("pgbroker tokens ls", "pgbroker tokens ls --columns name,scopes,expires_at"))
def ls(session: Session) -> None:
    """List what the tokens allow, the oldest first."""
    found = session.broker.iterate(session.broker.list_tokens, limit=1000)
    session.out.many(found, "name", "scopes", "topics", "expires_at", "requests_per_second")


@command(tokens, examples=("pgbroker tokens show shop", "pgbroker tokens show shop --output raw --columns expires_at"))
@click.argument("token")
def show(session: Session, token: str) -> None:
    """Show what a token allows. TOKEN is its id or its name, not the token itself."""
    session.out.one(session.broker.read_token(token_id(session, token)), "id")


@command(tokens, "self", examples=("pgbroker tokens self", "pgbroker tokens self --output raw --columns scopes"))
def self_(session: Session) -> None:
    """Show what your own token allows."""
    session.out.one(session.broker.read_own_token(), "id")


@command(
    tokens,
    examples=(
        'pgbroker tokens mint checkout --scope publish --topic orders --topic "invoices.*" --expires 90d',
        "pgbroker tokens mint worker --scope consume --output raw --columns token",
    ),
)
@click.argument("name")
@click.option(
    "--scope", "scopes", type=click.Choice(get_args(Scope)), multiple=True, required=True, help="What it may do."
)
@click.option(
    "--topic", "topics", multiple=True, help="A topic that it covers, or a prefix and a star. By default all."
)
@click.option("--expires", "expires_in_seconds", type=DURATION, help="When it ends: 90d is 90 days from now.")
@click.option("--requests-per-second", type=COUNT, help="Its limit of requests.")
def mint(
    session: Session,
    name: str,
    scopes: tuple[Scope, ...],
    topics: tuple[str, ...],
    expires_in_seconds: int | None,
    requests_per_second: int | None,
) -> None:
    """Make a token with no more rights than yours. It is shown once."""
    minted = session.broker.mint_token(
        name,
        scopes,
        **given(topics=topics or None, expires_in_seconds=expires_in_seconds, requests_per_second=requests_per_second),
    )
    session.note("Store the token: it is not shown again.")
    session.out.one(minted, "token")


@command(tokens, examples=("pgbroker tokens revoke shop --yes", "pgbroker tokens revoke shop --yes --missing-ok"))
@click.argument("token")
@YES
@MISSING_OK
def revoke(session: Session, token: str, *, yes: bool, missing_ok: bool) -> None:
    """Revoke a token. It is refused everywhere within 60 seconds. TOKEN is its id or its name."""
    session.confirm(f"Revoke the token {token}?", yes=yes)
    try:
        session.broker.revoke_token(token_id(session, token))
    except (NotFound, Missing):
        if not missing_ok:
            raise
