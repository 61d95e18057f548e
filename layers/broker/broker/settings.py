"""The environment variables that the functions read, each with its unit and default."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; see docs/settings.md."""

    database_url: str
    owner_database_url: str
    database_proxy: bool
    admin_token: str | None
    allow_private_webhooks: bool
    retention_days: int
    metrics_namespace: str
    dispatch_queue_url: str | None
    delivery_queue_url: str | None


class SettingMissing(Exception):
    """An environment variable has to be set that is not."""


@cache
def current() -> Settings:
    """Read the environment, once a process. A function that never asks the database needs no DATABASE_URL."""
    database_url = os.environ.get("DATABASE_URL", "")  # the functions' login
    return Settings(
        database_url=database_url,
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or database_url,  # migrate and maintain
        database_proxy=os.environ.get("DATABASE_PROXY")
        == "true",  # false: no proxy between, so statements are prepared
        admin_token=os.environ.get("BROKER_ADMIN_TOKEN") or None,  # none: the stored one stays
        allow_private_webhooks=os.environ.get("ALLOW_PRIVATE_WEBHOOKS") == "true",  # false: public addresses only
        retention_days=int(os.environ.get("RETENTION_DAYS") or 30),  # days
        metrics_namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "Broker",
        dispatch_queue_url=_queue(os.environ.get("DISPATCH_QUEUE_URL", "")),  # none: what it would do is done at once
        delivery_queue_url=_queue(os.environ.get("DELIVERY_QUEUE_URL", "")),  # as above
    )


def check_queues(*names: str) -> None:
    """Raise SettingMissing where the broker is deployed and one of these names no queue: nothing would be pushed."""
    if not os.environ.get("AWS_LAMBDA_FUNCTION_NAME") or os.environ.get("AWS_SAM_LOCAL") == "true":
        return
    for name in names:
        if _queue(os.environ.get(name, "")) is None:
            raise SettingMissing(f"{name} must be the URL of a queue")


def _queue(value: str) -> str | None:
    """`sam local` puts the bare name of a resource where its URL will be: there is no such queue."""
    return value if value.startswith(("https://", "http://")) else None
