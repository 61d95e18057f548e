"""What can go wrong for a caller. Each error knows its HTTP status, and its docstring is its message."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: in its body at `pointer` (RFC 6901), or in the path or query `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class BrokerError(Exception):
    """Something went wrong in the broker."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str | None = None, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail or self.title())
        self.detail = detail
        self.faults = tuple(faults)

    @classmethod
    def title(cls) -> str:
        """The first sentence of the docstring, without its full stop."""
        return (cls.__doc__ or "").split("\n")[0].rstrip(".")

    @classmethod
    def type(cls) -> str:
        """The problem type (RFC 9457): a name for programs, such as `urn:broker:problem:stale-receipt`."""
        return "urn:broker:problem:" + re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


class InternalError(BrokerError):
    """The broker failed; its log knows why under the request's id."""


class InvalidInput(BrokerError):
    """The request is not valid; nothing was changed."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(BrokerError):
    """A valid bearer token is needed."""

    status = HTTPStatus.UNAUTHORIZED
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class Forbidden(BrokerError):
    """The token does not allow this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(BrokerError):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Conflict(BrokerError):
    """What is there stands against it."""

    status = HTTPStatus.CONFLICT


class StaleReceipt(BrokerError):
    """Another consumer has taken over the lease that this receipt stands for."""

    status = HTTPStatus.CONFLICT


class TooLarge(BrokerError):
    """The request is larger than the broker takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class IdempotencyKeyReused(BrokerError):
    """The idempotency key was used with another body."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class DatabaseAway(BrokerError):
    """The database does not answer; the request may be repeated."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}
