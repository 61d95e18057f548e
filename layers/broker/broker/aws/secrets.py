"""Secrets of AWS Secrets Manager, and the URL of a database that one of them holds."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from broker import deadlines, settings
from broker.aws import client
from broker.aws.client import CallFailed

SECONDS = 5  # to read a secret
DENIED = "AccessDeniedException"
SCHEMES = ("postgresql://", "postgres://")

_values: dict[str, str] = {}  # by ARN


class SecretUnusable(Exception):
    """A secret cannot be read, or is no database's URL. `reason` says which and what to change, never its content."""

    retry_seconds = 2

    def __init__(self, reason: str, *, refused_by_iam: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused_by_iam = refused_by_iam


def is_secret(setting: str) -> bool:
    """Whether a setting names a secret, by its ARN, and is not the value itself."""
    return setting.startswith("arn:")


def read(arn: str) -> str:
    """Return the text of a secret, which is read once a process. Raises SecretUnusable."""
    if arn not in _values:
        _values[arn] = _fetch(arn)
    return _values[arn]


def forget(arn: str) -> None:
    """Read a secret anew when it is needed next; for what is no secret, do nothing."""
    _values.pop(arn, None)


def database_url(setting: str) -> str:
    """Return the URL that a setting is, or that the secret holds whose ARN it is. Raises SecretUnusable.

    A secret is a URL as text, or a JSON object with `url`, or one as Amazon RDS writes it: `username`, `password`,
    `host`, and, where they differ from 5432 and `postgres`, `port` and `dbname`.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
    """
    if not is_secret(setting):
        return setting
    value = read(setting)
    fields = _fields(value)
    url = value.strip() if fields is None else fields.get("url") or _rds_url(fields)
    if not (isinstance(url, str) and url.startswith(SCHEMES)):
        raise SecretUnusable(
            f"{setting} holds no database's URL: it must be one that begins with postgresql://, or a JSON object with"
            " url, or with username, password and host"
        )
    return url


def functions_url(setting: str) -> str | None:
    """Return the URL with which the functions log in, when the owner's secret has it as `functions_url`; else None.

    Raises SecretUnusable.
    """
    fields = _fields(read(setting)) if is_secret(setting) else None
    return (fields or {}).get("functions_url")


def _fields(value: str) -> Mapping[str, Any] | None:
    try:
        return msgspec.json.decode(value, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _rds_url(fields: Mapping[str, Any]) -> str | None:
    try:
        user, password = (quote(str(fields[name]), safe="") for name in ("username", "password"))
        host = str(fields["host"])
    except KeyError:
        return None
    host = f"[{host}]" if ":" in host else host
    database = quote(str(fields.get("dbname") or "postgres"), safe="")
    return f"postgresql://{user}:{password}@{host}:{fields.get('port') or 5432}/{database}"


def _fetch(arn: str) -> str:
    _, _, service, region, *_ = *arn.split(":"), "", "", ""
    if service != client.SECRETS_MANAGER.name or not region:
        raise SecretUnusable(f"{arn} is not the ARN of a secret: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME")
    host = f"secretsmanager.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
    try:
        answer = client.call(
            client.SECRETS_MANAGER,
            "GetSecretValue",
            {"SecretId": arn},
            region=region,
            endpoint=f"https://{host}",
            seconds=min(SECONDS, max(1, deadlines.left())),
        )
    except (CallFailed, settings.SettingMissing) as failed:
        refused = isinstance(failed, CallFailed) and failed.reason == DENIED
        raise SecretUnusable(_explain(failed, arn, region, host), refused_by_iam=refused) from failed
    if "SecretString" not in answer:
        raise SecretUnusable(f"{arn} holds bytes: store a text")
    return str(answer["SecretString"])


def _explain(failed: CallFailed | settings.SettingMissing, arn: str, region: str, host: str) -> str:
    if not isinstance(failed, CallFailed):
        return f"{arn} cannot be read: {failed}"
    if failed.status is None:
        return (
            f"{arn} cannot be read, because {host} does not answer ({failed.reason}): in a VPC the function needs an"
            f" endpoint of com.amazonaws.{region}.secretsmanager in its subnets, or a NAT gateway"
        )
    if failed.reason == "ResourceNotFoundException":
        return f"{arn} does not exist, or has no value yet"
    if failed.reason == DENIED:
        return (
            f"{arn} cannot be read, because the function's role lacks secretsmanager:GetSecretValue on it, or"
            " kms:Decrypt on its key"
        )
    return f"{arn} cannot be read: {failed.reason}"
