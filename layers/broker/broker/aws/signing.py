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
    moment = time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    to_send = {**headers, "Host": host, "X-Amz-Date": moment}
    if credentials.session_token:
        to_send["X-Amz-Security-Token"] = credentials.session_token
    signed = sorted((name.lower(), " ".join(value.split())) for name, value in to_send.items())
    names = ";".join(name for name, _ in signed)
    lines = [method, quote(path, safe="/~"), "", *map(":".join, signed), "", names, hashlib.sha256(body).hexdigest()]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{digest}"
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = _digest(key, part)
    to_send["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names},"
        f" Signature={_digest(key, to_sign).hex()}"
    )
    return to_send


def _digest(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
