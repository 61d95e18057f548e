"""Sign and verify webhooks as in Standard Webhooks 1.0: symmetric, scheme v1 (HMAC-SHA256)."""

import base64
import hmac
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from pgbroker.webhooks.deliveries import Delivery, InvalidWebhook, decode

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
MAX_DIGITS = 10  # of a time in seconds, until the year 2286

# One secret, several during a rotation, or a function that returns them and is called for each request.
Secrets = str | Sequence[str] | Callable[[], str | Sequence[str]]
Text = str | bytes


@runtime_checkable
class _Mapping(Protocol):
    def items(self) -> Iterable[tuple[Text, Text]]: ...


_Pairs = Iterable[tuple[Text, Text]]
Headers = _Mapping | _Pairs


def verify(
    body: bytes, headers: Headers, secrets: Secrets, *, tolerance_seconds: float = TOLERANCE_SECONDS
) -> Delivery:
    """Return what is in a webhook, if it was signed with one of the secrets and sent within the last five minutes.

    `body` is the request's body byte for byte: JSON that was parsed and written again has another signature. `headers`
    are all of the request's: a mapping, or pairs, with names in any case. A clock may be `tolerance_seconds` before or
    after the broker's. A signature of an unknown version is skipped, and so is one that cannot be read. Raises
    InvalidWebhook, which says what does not fit, and ValueError when a secret is not one.
    """
    keys = read_keys(secrets)
    found = _read(headers)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if not found.get(name):
            raise InvalidWebhook(f"the header {name} is missing")
    webhook_id, seconds = found["webhook-id"], found["webhook-timestamp"]
    sent_at = _sent_at(seconds, tolerance_seconds)
    content = _content(webhook_id, seconds, body)
    expected = [_signature(key, content) for key in keys]
    given = [part.encode("utf-8", "surrogatepass") for part in found["webhook-signature"].split()]
    if not any(hmac.compare_digest(each, signature) for each in expected for signature in given):
        raise InvalidWebhook("no signature fits: another secret signed it, or the body was changed on its way")
    return decode(body, webhook_id, sent_at)


def sign(body: bytes, webhook_id: str, sent_at: datetime, secrets: Secrets) -> dict[str, str]:
    """Return the headers with which the broker sends `body`, for a test of your receiver.

    `sent_at` is aware, and is sent as whole seconds since 1970. Several secrets give several signatures, as during a
    rotation. Raises ValueError when a secret is not one.
    """
    seconds = str(int(sent_at.timestamp()))
    content = _content(webhook_id, seconds, body)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": seconds,
        "webhook-signature": b" ".join(_signature(key, content) for key in read_keys(secrets)).decode(),
    }


def read_keys(secrets: Secrets) -> list[bytes]:
    """Return the keys in the secrets, at least one. Raises ValueError, which shows no secret."""
    given = secrets() if callable(secrets) else secrets
    keys = [_key(secret) for secret in ([given] if isinstance(given, str) else given)]
    if not keys:
        raise ValueError("a secret is needed to verify webhooks; the list of secrets is empty")
    return keys


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key or not secret.startswith(PREFIX):
        raise ValueError(f"a secret is {PREFIX} and base64, as the broker returned it for the new subscription")
    return key


def _read(headers: Headers) -> dict[str, str]:
    """Return the headers with their names in lower case."""
    pairs: _Pairs = headers.items() if isinstance(headers, _Mapping) else headers
    return {_text(name).lower(): _text(value) for name, value in pairs}


def _text(value: Text) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _sent_at(seconds: str, tolerance_seconds: float) -> datetime:
    if not (seconds.isascii() and seconds.isdecimal() and len(seconds) <= MAX_DIGITS):
        raise InvalidWebhook("webhook-timestamp is not a number of seconds")
    age = time.time() - int(seconds)
    if abs(age) > tolerance_seconds:
        how = f"{age:.0f} s old" if age > 0 else f"{-age:.0f} s in the future"
        raise InvalidWebhook(f"webhook-timestamp is {how}: it is an old request, or the clock of the receiver is wrong")
    return datetime.fromtimestamp(int(seconds), UTC)


def _content(webhook_id: str, seconds: str, body: bytes) -> bytes:
    return f"{webhook_id}.{seconds}.".encode("utf-8", "surrogatepass") + body


def _signature(key: bytes, content: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, content, "sha256"))
