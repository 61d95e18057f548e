"""The signature of a request to AWS: Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from broker.settings import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def sign(
    method: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    region: str,
    service: str,
    time: datetime,
) -> dict[str, str]:
    """Return the headers to send: those given, all of which are signed, and Host, X-Amz-Date and Authorization.

    The path has no query and no dot segments; it is encoded once more, as all services but S3 want it.
    """
    moment = _format(time)
    to_send = {**headers, "Host": host, "X-Amz-Date": moment}
    if credentials.session_token:
        to_send["X-Amz-Security-Token"] = credentials.session_token
    signed = sorted((name.lower(), " ".join(value.split())) for name, value in to_send.items())
    names = ";".join(name for name, _ in signed)
    lines = [method, quote(path, safe="/~"), "", *map(":".join, signed), "", names, hashlib.sha256(body).hexdigest()]
    scope = _scope(moment, region, service)
    to_send["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names},"
        f" Signature={_signature(lines, moment, scope, credentials)}"
    )
    return to_send


def presign(
    host: str,
    query: Mapping[str, str],
    *,
    credentials: Credentials,
    region: str,
    service: str,
    time: datetime,
    seconds: int,
) -> str:
    """Return the address of a GET of `/` whose signature is in its query, without its scheme.

    It is good for `seconds`: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
    """
    moment = _format(time)
    scope = _scope(moment, region, service)
    parameters = {
        **query,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.session_token:
        parameters["X-Amz-Security-Token"] = credentials.session_token
    pairs = [f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in parameters.items()]
    signed = host.removesuffix(":443")  # the port of https is no part of the Host that is signed
    lines = ["GET", "/", "&".join(sorted(pairs)), f"host:{signed}", "", "host", hashlib.sha256(b"").hexdigest()]
    return f"{host}/?{'&'.join(pairs)}&X-Amz-Signature={_signature(lines, moment, scope, credentials)}"


def _format(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _scope(moment: str, region: str, service: str) -> str:
    return f"{moment[:8]}/{region}/{service}/aws4_request"


def _signature(lines: list[str], moment: str, scope: str, credentials: Credentials) -> str:
    """Sign the lines of a canonical request."""
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = _digest(key, part)
    return _digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{digest}").hex()


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
