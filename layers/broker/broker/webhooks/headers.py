"""Which headers of a webhook only the broker may set: the one list, for subscribers and for what is sent."""

import re

# They belong to one connection, or say where a request ends. With one of these a server could see two requests in one,
# and a kept connection return the response of another. Libcurl sets those that it needs.
_OF_CONNECTION = re.compile(
    r"connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade", re.IGNORECASE
)
_OF_DISPATCH = re.compile(r"content-type|webhook-.*", re.IGNORECASE)


def belongs_to_connection(name: str) -> bool:
    """Whether no request may be given this header: libcurl alone sets it."""
    return _OF_CONNECTION.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Whether no subscriber may set this header: libcurl or Dispatch does."""
    return belongs_to_connection(name) or _OF_DISPATCH.fullmatch(name) is not None
