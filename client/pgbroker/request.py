"""A request and how its answer is read, without sending it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Struct

from pgbroker.errors import BY_STATUS, BY_TYPE, BrokerError, ContentMismatch, Fault, Problem, UnexpectedAnswer

Result = TypeVar("Result")
Read = Callable[[bytes], Result]

encode = msgspec.json.Encoder().encode

JSON: Mapping[str, str] = {"Content-Type": "application/json"}


class Request(Struct, Generic[Result], frozen=True):
    """One request: `path` has the query too, and `read` makes the result of a successful answer's body."""

    method: str
    path: str
    read: Read[Result]
    body: bytes | None = None
    headers: Mapping[str, str] = {}


class _Gateway(Struct):
    """An error of the broker, or of API Gateway, which has only a message."""

    title: str = ""
    detail: str = ""
    message: str = ""
    type: str = ""
    request_id: str = ""
    errors: tuple[Fault, ...] = ()


def path(*parts: str, **parameters: Any) -> str:
    """Make a path of its parts, and of the query's parameters that are not None."""
    target = "/" + "/".join(quote(part, safe="") for part in parts)
    given = {name: _parameter(value) for name, value in parameters.items() if value is not None}
    return f"{target}?{urlencode(given)}" if given else target


def body(**values: Any) -> bytes:
    """Make a JSON body of the fields that are not UNSET."""
    return encode({name: value for name, value in values.items() if value is not UNSET})


def optional(**values: Any) -> bytes:
    """Make a JSON body of the fields that are not None."""
    return encode({name: value for name, value in values.items() if value is not None})


def post(target: str, payload: bytes | None, read: Read[Result]) -> Request[Result]:
    return Request("POST", target, read, payload, {} if payload is None else JSON)


def get(target: str, read: Read[Result]) -> Request[Result]:
    return Request("GET", target, read)


def delete(target: str) -> Request[None]:
    return Request("DELETE", target, nothing)


def nothing(_: bytes) -> None:
    """Read an answer without a body."""


@cache
def reader(kind: Any) -> Read[Any]:
    """Return what reads JSON of this type. Fields that it does not know are ignored."""
    return msgspec.json.Decoder(kind).decode


@cache
def content_reader(kind: Any, content: Any) -> Read[Any]:
    """Return what reads JSON of a generic type with content of this type. Raises ContentMismatch."""
    read, read_any = reader(kind[content]), reader(kind[Any])

    def attempt(answer: bytes) -> Any:
        try:
            return read(answer)
        except msgspec.ValidationError as error:
            detail = f"content is not {getattr(content, '__name__', content)}: {error}"
            raise ContentMismatch(detail, read_any(answer)) from error

    return read if content in {Any, msgspec.Raw} else attempt


def read_answer(request: Request[Result], status: int, headers: Mapping[str, str], answer: bytes) -> Result:
    """Return the result of an answer. Raises Problem or UnexpectedAnswer."""
    if 200 <= status < 300:  # noqa: PLR2004  the class of successful statuses (RFC 9110)
        try:
            return request.read(answer)
        except msgspec.DecodeError as error:
            raise UnexpectedAnswer(_unexpected(request, status, str(error))) from error
    raise problem(request, status, headers, answer)


def problem(request: Request[Any], status: int, headers: Mapping[str, str], answer: bytes) -> BrokerError:
    """Return the error that an answer is."""
    try:
        found: _Gateway = reader(_Gateway)(answer)
    except msgspec.DecodeError as error:
        found = _Gateway()
        if status not in BY_STATUS or status == 404:  # noqa: PLR2004  a web server that is not the broker
            return UnexpectedAnswer(_unexpected(request, status, str(error)))
    kind = BY_TYPE.get(found.type) or BY_STATUS.get(status, Problem)
    return kind(
        status,
        found.title or f"status {status}",
        found.detail or found.message or f"the answer to {request.method} {request.path} has the status {status}",
        found.errors,
        found.request_id,
        retry_after(headers.get("retry-after")),
    )


def retry_after(value: str | None) -> float | None:
    """Read the header Retry-After, in seconds (RFC 9110, 10.2.3). A date, which the broker does not send, is None."""
    return float(value) if value and value.isdecimal() else None


def _parameter(value: Any) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a time needs a time zone, as datetime.now(UTC) has")
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unexpected(request: Request[Any], status: int, why: str) -> str:
    asked = f"{request.method} {request.path}"
    return f"the answer to {asked} has the status {status}, and is not one of the broker: {why}. Is its url right?"
