"""The errors that a caller may get. Each has its HTTP status, and its docstring is its title."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import ClassVar

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: in its body at `pointer` (RFC 6901), or in the path or query `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class BrokerError(Exception):
    """Something went wrong in the broker."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = MappingProxyType({})
    members: ClassVar[Mapping[str, object]] = {}  # of its document, beside those of every problem

    def __init__(self, detail: str | None = None, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail or self.title())
        self.detail = detail
        self.faults = tuple(faults)

    @classmethod
    def title(cls) -> str:
        """Return the first line of the docstring, without its full stop."""
        return (cls.__doc__ or "").split("\n")[0].rstrip(".")

    @classmethod
    def type(cls) -> str:
        """Return the problem type (RFC 9457), a name for programs: `urn:pgbroker:problem:stale-receipt`."""
        return "urn:pgbroker:problem:" + re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class InternalError(BrokerError):
    """Internal error; the log has the cause under this request id."""


class InvalidInput(BrokerError):
    """The request is not valid; it changed nothing."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(BrokerError):
    """A valid bearer token is required."""

    status = HTTPStatus.UNAUTHORIZED
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(BrokerError):
    """The token does not allow this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(BrokerError):
    """Not found."""

    status = HTTPStatus.NOT_FOUND


class Conflict(BrokerError):
    """The request conflicts with the current state."""

    status = HTTPStatus.CONFLICT


class Busy(BrokerError):
    """Another request is using the topic; repeat this one."""

    status = HTTPStatus.CONFLICT
    headers = MappingProxyType({"Retry-After": "1"})


class StaleReceipt(BrokerError):
    """The receipt is stale: another consumer has leased the message since."""

    status = HTTPStatus.CONFLICT


class TooLarge(BrokerError):
    """The request, or a message in it, is too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class IdempotencyKeyReused(BrokerError):
    """The idempotency key was used with another body."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequests(BrokerError):
    """The token has sent more requests than its limit; repeat this one later."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    headers = MappingProxyType({"Retry-After": "1"})  # the bucket is full by then
    members: ClassVar[Mapping[str, object]] = {"violated-policies": ["requests_per_second"]}


class DatabaseUnavailable(BrokerError):
    """The database is unavailable; repeat the request later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    outcome_unknown = False  # whether the statement may have taken effect
    refused_by_iam = False  # whether the function's role lacks a right, which one that is seconds old may get yet

    def __init__(self, detail: str | None = None, *, reason: str | None = None, retry_seconds: int = 2) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(retry_seconds)}
        self.reason = reason  # for the operator, in the log and in what Migrate raises; a caller never sees it

    def __str__(self) -> str:
        return self.reason or super().__str__()


class QueueUnavailable(BrokerError):
    """SQS does not take what is to be sent; repeat the request later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = MappingProxyType({"Retry-After": "5"})
