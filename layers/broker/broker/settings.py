"""The environment variables that the functions read, each with its unit and default."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal

import msgspec

from broker import token_format


class Settings(msgspec.Struct, frozen=True):
    """The settings in the environment; docs/reference/settings.md explains each."""

    database_url: str
    owner_database_url: str
    function_database_urls: Mapping[str, str]
    database_proxy: bool
    allow_private_webhooks: bool
    retention_days: int
    topics_per_token: int
    metrics_namespace: str
    dispatch_queue_url: str | None
    delivery_queue_url: str | None
    migrate_function: str
    maintain_function: str
    setup_secret_arn: str
    login_secret_arn: str


class Options(msgspec.Struct, forbid_unknown_fields=True):
    """Rare settings, which are keys of one JSON object in OPTIONS."""

    allow_private_webhooks: bool = False  # true: webhooks may have loopback and private addresses
    database_proxy: bool = False  # true: statements are not prepared, and limits are not sent with the connection
    topics_per_token: Annotated[int, msgspec.Meta(ge=1)] = 10_000
    environment: Annotated[str, msgspec.Meta(max_length=40)] = ""  # what the console calls this deployment
    environment_colour: Literal["grey", "green", "blue", "amber", "red", "violet"] = "grey"  # as above
    setup: str = ""  # read by nobody: another value has Setup run again


class SettingMissing(Exception):
    """A required environment variable is not set."""


class SettingInvalid(Exception):
    """An environment variable has a value that cannot be used."""


@cache
def current() -> Settings:
    """Read the environment, once a process. A function that does not use the database needs no DATABASE_URL."""
    database_url = os.environ.get("DATABASE_URL", "")  # the functions' login
    options = _options(os.environ.get("OPTIONS") or "{}")
    return Settings(
        database_url=database_url,
        owner_database_url=os.environ.get("OWNER_DATABASE_URL") or database_url,  # migrate and maintain
        function_database_urls=_urls(os.environ.get("FUNCTION_DATABASE_URLS") or "{}"),  # migrate; none: one login
        database_proxy=options.database_proxy,
        allow_private_webhooks=options.allow_private_webhooks,
        retention_days=int(os.environ.get("RETENTION_DAYS") or 30),  # days
        topics_per_token=options.topics_per_token,
        metrics_namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "pgbroker",
        dispatch_queue_url=_queue(os.environ.get("DISPATCH_QUEUE_URL", "")),  # none: the work is done in this process
        delivery_queue_url=_queue(os.environ.get("DELIVERY_QUEUE_URL", "")),  # as above
        migrate_function=os.environ.get("MIGRATE_FUNCTION", ""),  # as the next three, of Setup
        maintain_function=os.environ.get("MAINTAIN_FUNCTION", ""),
        setup_secret_arn=os.environ.get("SETUP_SECRET_ARN", ""),
        login_secret_arn=os.environ.get("LOGIN_SECRET_ARN", ""),
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


def _options(value: str) -> Options:
    try:
        return msgspec.json.decode(value, type=Options)
    except msgspec.DecodeError as error:
        raise SettingInvalid(f"OPTIONS must be a JSON object of options: {error}") from None


def _queue(value: str) -> str | None:
    """Return the URL. Under `sam local` the value is the bare name of a resource: then there is no queue."""
    return value if value.startswith(("https://", "http://")) else None


class Credentials(msgspec.Struct, frozen=True):
    """What a call to AWS is signed with. Its text has no secret."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None  # temporary credentials, as all of Lambda's, have one

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id!r})"


def credentials() -> Credentials:
    """Read what Lambda gives a function to sign with, at each call because it may change. Raises SettingMissing."""
    return Credentials(
        access_key_id=_required("AWS_ACCESS_KEY_ID"),
        secret_access_key=_required("AWS_SECRET_ACCESS_KEY"),
        session_token=os.environ.get("AWS_SESSION_TOKEN") or None,
    )


def aws_region() -> str:
    """Return the region of the function. Raises SettingMissing."""
    return _required("AWS_REGION")


def aws_endpoint_url(service: str) -> str | None:
    """Return what replaces a service's own endpoint: AWS_ENDPOINT_URL_SQS for one, then AWS_ENDPOINT_URL."""
    return os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL") or None


def trace_id() -> str | None:
    """Return the trace of the current invocation, which Lambda sets anew for each; None outside of Lambda."""
    return os.environ.get("_X_AMZN_TRACE_ID") or None if os.environ.get("AWS_LAMBDA_FUNCTION_NAME") else None


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SettingMissing(f"{name} is not set: a call to AWS needs it")
    return value
