"""Read what a caller sent: raw JSON into a type, or every fault in it with a pointer."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

import msgspec

from broker.errors import Fault, InvalidInput

T = TypeVar("T")

MAX_DEPTH = 200
MAX_FAULTS = 100

_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
# An escape that no text of PostgreSQL can hold: NUL, or half a surrogate pair. Whole pairs are matched first and pass.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<bad>u0000|u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a JSON document. Raises InvalidInput with up to 100 faults and their pointers.

    What msgspec.Raw would let by is refused too: octets that are no UTF-8, the escape of NUL, half a surrogate pair,
    and more than 200 levels.
    """
    if fault := _raw_fault(body):
        raise InvalidInput("the body is not valid", faults=[Fault(fault, pointer="")])
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        value = msgspec.json.decode(body)
        faults = [fault for fault, _ in zip(_faults(value, kind, ""), range(MAX_FAULTS), strict=False)]
        raise InvalidInput("the body is not valid", faults=faults or [_fault(error, "")]) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("the body is not JSON", faults=[Fault(str(error), pointer="")]) from None


def parameters(values: Mapping[str, str], kind: type[T]) -> T:
    """Convert a query's parameters, which are all text. Raises InvalidInput that names each faulty one."""
    try:
        return msgspec.convert(dict(values), kind, strict=False)
    except msgspec.ValidationError:
        faults = [
            Fault(fault.detail, parameter=(fault.pointer or "").removeprefix("/"))
            for fault in _faults(dict(values), kind, "", strict=False)
        ]
        raise InvalidInput("the query is not valid", faults=faults) from None


def _raw_fault(body: bytes) -> str | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"octet {error.start} is not UTF-8"
    if b"\\u" in body and any(match["bad"] for match in _ESCAPE.finditer(body)):
        return "the escape of NUL and half a surrogate pair stand for no character"
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        return f"it is more than {MAX_DEPTH} levels deep"
    return None


def _depth(body: bytes) -> int:
    depth = deepest = 0
    for octet in _STRING.sub(b"", body):
        if octet in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif octet in b"]}":
            depth -= 1
    return deepest


def _faults(value: Any, kind: Any, pointer: str, *, strict: bool = True) -> Iterator[Fault]:
    """Look at each part by itself, for msgspec stops at the first fault."""
    items = _items(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        yield from (
            Fault("there is no such field", f"{pointer}/{_escape(name)}") for name in value if name not in fields
        )
        for name, field in fields.items():
            if name in value:
                yield from _faults(value[name], field.type, f"{pointer}/{name}", strict=strict)
            elif field.required:
                yield Fault("this field is needed", f"{pointer}/{name}")
    elif items and isinstance(value, list) and not _misfit(value, items.bare, strict=strict):
        for nth, each in enumerate(value):
            yield from _faults(each, items.kind, f"{pointer}/{nth}", strict=strict)
    elif kind is not msgspec.Raw and (error := _misfit(value, kind, strict=strict)):
        yield _fault(error, pointer)


def _misfit(value: Any, kind: Any, *, strict: bool) -> msgspec.ValidationError | None:
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        return error
    return None


class _Items(NamedTuple):
    kind: Any  # of each item
    bare: Any  # the list with its bounds, whatever its items


def _items(kind: Any) -> _Items | None:
    """Take the type of a list apart; None when it is of no list."""
    bounds = getattr(kind, "__metadata__", ())
    plain = get_args(kind)[0] if bounds else kind
    if get_origin(plain) is not list:
        return None
    return _Items(get_args(plain)[0], Annotated[list[Any], *bounds] if bounds else list[Any])


def _fault(error: msgspec.ValidationError, pointer: str) -> Fault:
    text = str(error)
    if match := _PATH.search(text):
        text = text[: match.start()]
        pointer += "".join(f"/{_escape(step['name'] or step['index'])}" for step in _STEP.finditer(match["path"]))
    return Fault(text, pointer)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
