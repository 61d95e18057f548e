"""The settings of the local runner, read from the environment. docs/reference/settings.md lists them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

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
    database_url: str | None  # DATABASE_URL; None: the runner starts the embedded PostgreSQL
    owner_database_url: str | None  # OWNER_DATABASE_URL; None: the same as database_url
    options: Mapping[str, object]  # OPTIONS: rare options of the functions in JSON


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
        database_url=os.environ.get("DATABASE_URL") or None,
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or None,
        options=_options("OPTIONS"),
    )


def _options(name: str) -> Mapping[str, object]:
    try:
        return msgspec.json.decode(os.environ.get(name) or "{}", type=dict[str, object])
    except msgspec.DecodeError as error:
        raise CannotRun(f"{name} must be a JSON object: {error}") from None


def _number(name: str, default: int, *, least: int, most: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdecimal() or not least <= int(value) <= most:
        raise CannotRun(f"{name} must be a whole number from {least} to {most}, not {value}")
    return int(value)
