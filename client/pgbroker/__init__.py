"""The client of pgbroker, a serverless message broker on PostgreSQL.

`pgbroker.webhooks` and `pgbroker.sql` are modules of their own: importing them loads no HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgbroker.async_broker import AsyncBroker
    from pgbroker.broker import Broker
    from pgbroker.errors import (
        BrokerError,
        Busy,
        Conflict,
        ContentMismatch,
        DatabaseUnavailable,
        Fault,
        Forbidden,
        IdempotencyKeyReused,
        InternalError,
        InvalidInput,
        NotFound,
        NotReached,
        Problem,
        PublishedInPart,
        QueueUnavailable,
        StaleReceipt,
        TooLarge,
        TooManyRequests,
        Unauthorized,
        UnexpectedAnswer,
    )
    from pgbroker.outcomes import Reject, Retry
    from pgbroker.types import LeasedMessage, Message

__all__ = [
    "AsyncBroker",
    "Broker",
    "BrokerError",
    "Busy",
    "Conflict",
    "ContentMismatch",
    "DatabaseUnavailable",
    "Fault",
    "Forbidden",
    "IdempotencyKeyReused",
    "InternalError",
    "InvalidInput",
    "LeasedMessage",
    "Message",
    "NotFound",
    "NotReached",
    "Problem",
    "PublishedInPart",
    "QueueUnavailable",
    "Reject",
    "Retry",
    "StaleReceipt",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "UnexpectedAnswer",
]
_MODULES = (
    "pgbroker.errors",
    "pgbroker.outcomes",
    "pgbroker.types.messages",
    "pgbroker.broker",
    "pgbroker.async_broker",
)  # the cheap ones first


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562): each part of the package loads only what it needs."""
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
