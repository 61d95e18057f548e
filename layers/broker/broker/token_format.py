"""The form of a bearer token, and its check, which no text has that was made without the key.

A token is `brk_`, 43 characters that are random (256 bits as base64url, RFC 4648), and 7 characters of check: the first
42 bits of the HMAC-SHA256 (RFC 2104) of all before it. So a stranger's text is refused without a look at the database.
The check grants nothing: what a token allows is in the database.
"""

import base64
import hmac
import re
import secrets
from collections.abc import Iterable

_TOKEN = re.compile(r"brk_[A-Za-z0-9_-]{50}")
_CHECK = 7  # characters
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST_KEYS = 2


def new_key() -> str:
    """Make a key: 32 random bytes, as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def make(key: str) -> str:
    """Make a new token, with its check under `key`."""
    text = f"brk_{secrets.token_urlsafe(32)}"
    return text + check(text, key)


def check(text: str, key: str) -> str:
    """Return the 7 characters of check of the 47 characters before them."""
    mac = hmac.digest(base64.urlsafe_b64decode(key + "="), text.encode(), "sha256")
    return base64.urlsafe_b64encode(mac)[:_CHECK].decode()


def verify(token: str, keys: Iterable[str]) -> bool:
    """Whether a text has the form of a token, and a check under one of the keys; compared in constant time."""
    if not _TOKEN.fullmatch(token):
        return False
    return any(hmac.compare_digest(check(token[:-_CHECK], key), token[-_CHECK:]) for key in keys)


def read_keys(setting: str) -> tuple[str, ...]:
    """Return the keys in a setting, the one that signs first. Raises ValueError, whose text has no key in it."""
    keys = tuple(setting.split(","))
    if len(keys) > _MOST_KEYS or not all(map(_KEY.fullmatch, keys)):
        raise ValueError(
            "TOKEN_KEYS must be one key, or two with a comma between them: each has 43 characters of A-Z a-z 0-9 _ -"
        )
    return keys
