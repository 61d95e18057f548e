"""The settings of the local runner, read from the environment. docs/reference/settings.md lists them."""

import os
from dataclasses import dataclass
from pathlib import Path

from local.terminal import CannotRun


@dataclass(frozen=True)
class Settings:
    host: str  # BROKER_HOST
    port: int  # BROKER_PORT; 0 picks a free one
    data: Path  # BROKER_DATA: the folder of the database, the secrets and the log
    workers: int  # BROKER_WORKERS: the most processes
    access_log: bool  # BROKER_ACCESS_LOG=1: a line for each request
    admin_token: str | None  # BROKER_ADMIN_TOKEN; None: the runner makes one and stores it
    token_keys: str | None  # TOKEN_KEYS; None: the runner makes one and stores it
    allow_private_webhooks: bool | None  # ALLOW_PRIVATE_WEBHOOKS; None: while it listens on loopback
    database_url: str | None  # DATABASE_URL; None: the runner starts the embedded PostgreSQL
    owner_database_url: str | None  # OWNER_DATABASE_URL; None: the same as database_url
    options: str  # OPTIONS: rare options of the functions in JSON


def read(root: Path) -> Settings:
    """Read the environment. `root` is the folder of the repository. Raises CannotRun for an invalid value."""
    return Settings(
        host=os.environ.get("BROKER_HOST", "127.0.0.1"),
        port=_number("BROKER_PORT", 3000, least=0, most=65535),
        data=Path(os.environ.get("BROKER_DATA", root / ".local")).absolute(),
        workers=_number("BROKER_WORKERS", 32, least=2, most=150),
        access_log=os.environ.get("BROKER_ACCESS_LOG") == "1",
        admin_token=os.environ.get("BROKER_ADMIN_TOKEN") or None,
        token_keys=os.environ.get("TOKEN_KEYS") or None,
        allow_private_webhooks=_choice("ALLOW_PRIVATE_WEBHOOKS"),
        database_url=os.environ.get("DATABASE_URL") or None,
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or None,
        options=os.environ.get("OPTIONS") or "{}",
    )


def _choice(name: str) -> bool | None:
    value = os.environ.get(name) or None
    if value not in {None, "true", "false"}:
        raise CannotRun(f"{name} must be true or false, not {value}")
    return None if value is None else value == "true"


def _number(name: str, default: int, *, least: int, most: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise CannotRun(f"{name} must be a whole number from {least} to {most}, not {value}")
    return int(value)
