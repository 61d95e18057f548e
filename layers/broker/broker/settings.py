"""The environment variables that the functions read, each with its unit and default."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import msgspec

from broker import token_format


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in the environment; docs/reference/settings.md explains each."""

    database_url: str
    owner_database_url: str
    function_database_urls: Mapping[str, str]
    database_proxy: bool
    admin_token: str | None
    allow_private_webhooks: bool
    retention_days: int
    topics_per_token: int
    metrics_namespace: str
    dispatch_queue_url: str | None
    delivery_queue_url: str | None


class SettingMissing(Exception):
    """A required environment variable is not set."""


class SettingInvalid(Exception):
    """An environment variable has a value that cannot be used."""


@cache
def current() -> Settings:
    """Read the environment, once a process. A function that does not use the database needs no DATABASE_URL."""
    database_url = os.environ.get("DATABASE_URL", "")  # the functions' login
    return Settings(
        database_url=database_url,
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or database_url,  # migrate and maintain
        function_database_urls=_urls(os.environ.get("FUNCTION_DATABASE_URLS") or "{}"),  # migrate; none: one login
        database_proxy=os.environ.get("DATABASE_PROXY") == "true",  # false: statements are prepared
        admin_token=os.environ.get("BROKER_ADMIN_TOKEN") or None,  # none: the stored one stays
        allow_private_webhooks=os.environ.get("ALLOW_PRIVATE_WEBHOOKS") == "true",  # false: public addresses only
        retention_days=int(os.environ.get("RETENTION_DAYS") or 30),  # days
        topics_per_token=int(os.environ.get("TOPICS_PER_TOKEN") or 10_000),
        metrics_namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "pgbroker",
        dispatch_queue_url=_queue(os.environ.get("DISPATCH_QUEUE_URL", "")),  # none: the work is done in this process
        delivery_queue_url=_queue(os.environ.get("DELIVERY_QUEUE_URL", "")),  # as above
    )


@cache
def token_keys() -> tuple[str, ...]:
    """Return the keys of the tokens' checks: the first signs new tokens, each verifies.

    Only functions behind HTTP need them. Raises SettingMissing, SettingInvalid; neither quotes a key.
    """
    keys = os.environ.get("TOKEN_KEYS", "")
    if not keys:
        raise SettingMissing("TOKEN_KEYS is not set")
    try:
        return token_format.read_keys(keys)
    except ValueError as error:
        raise SettingInvalid(str(error)) from None


def check_queues(*names: str) -> None:
    """Raise SettingMissing when a deployed function has no URL in one of these variables: it would push nothing."""
    if not os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or os.environ.get("AWS_SAM_LOCAL") == "true":
        return
    for name in names:
        if _queue(os.environ.get(name, "")) is None:
            raise SettingMissing(f"{name} must be the URL of a queue")


def _urls(value: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(value, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise SettingInvalid(f"FUNCTION_DATABASE_URLS must be a JSON object of URLs by function: {error}") from None


def _queue(value: str) -> str | None:
    """Return the URL. Under `sam local` the value is the bare name of a resource: then there is no queue."""
    return value if value.startswith(("https://", "http://")) else None
