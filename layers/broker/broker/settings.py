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


@cache
def current() -> Settings:
    """Read the environment, once a process."""
    return Settings(
        database_url=os.environ["DATABASE_URL"],  # the functions' login
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or os.environ["DATABASE_URL"],  # migrate and maintain
        database_proxy=os.environ.get("DATABASE_PROXY")
        == "true",  # false: no proxy between, so statements are prepared
        admin_token=os.environ.get("BROKER_ADMIN_TOKEN") or None,  # none: the stored one stays
        allow_private_webhooks=os.environ.get("ALLOW_PRIVATE_WEBHOOKS") == "true",  # false: public addresses only
        retention_days=int(os.environ.get("RETENTION_DAYS") or 30),  # days
        metrics_namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "Broker",
    )
