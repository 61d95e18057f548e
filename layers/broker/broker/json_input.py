"""Read what a caller sent: raw JSON into a type, or every fault in it with a pointer."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from broker.errors import Fault, InvalidInput

T = TypeVar("T")

MAX_DEPTH = 200
MAX_FAULTS = 100
LONG_NUMBER = 20  # digits
NO_BOUNDS = (msgspec.Meta(),)

_PATH = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]")
_NO_BRACKET_NO_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
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
    return decode_again(body, kind)


def decode_again(body: bytes, kind: type[T]) -> T:
    """Decode, as another type, what `decode` has let by: its octets are not looked at a second time."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError) as error:
        raise _no_json(error) from None
    try:
        value = json.loads(body, parse_int=_whole, parse_float=_number)
    except ValueError as error:  # behind the first fault
        raise _no_json(error) from None
    try:
        return msgspec.convert(value, kind)  # for JSON Schema 30.0 is an integer, for msgspec only now
    except msgspec.ValidationError as error:
        faults = list(islice(_faults(value, kind, ""), MAX_FAULTS)) or [_fault(error, "")]
    raise InvalidInput("the body is not valid", faults=faults)


def parameters(values: Mapping[str, str], kind: type[T]) -> T:
    """Convert a query's parameters, which are all text. Raises InvalidInput that names each faulty one."""
    try:
        converted = msgspec.convert(dict(values), kind, strict=False)
        faults = [
            Fault(fault, parameter=name)
            for name, text in values.items()
            if (fault := _misread(text, getattr(converted, name)))
        ]
    except msgspec.ValidationError:
        faults = [
            Fault(fault.detail, parameter=(fault.pointer or "").removeprefix("/"))
            for fault in _faults(dict(values), kind, "", strict=False)
        ]
    if faults:
        raise InvalidInput("the query is not valid", faults=faults)
    return converted


def escape(name: str) -> str:
    """Write a name as a step of a pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def converted(name: str, value: str, kind: type[T]) -> T:
    """Convert what a parameter or header says. Raises InvalidInput that names it."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{name} is not valid", faults=[Fault(str(error), parameter=name)]) from None


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
    # with escapes gone, every second piece between quotes is a string; several times as fast as matching strings
    marks = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_BRACKET_NO_QUOTE)
    depth = deepest = 0
    for octet in b"".join(marks.split(b'"')[::2]):
        if octet in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif octet in b"]}":
            depth -= 1
    return deepest


def _no_json(error: Exception) -> InvalidInput:
    return InvalidInput("the body is not JSON", faults=[Fault(str(error), pointer="")])


def _whole(digits: str) -> int | float:
    """A whole number; as a float when it is so long that Python would refuse it."""
    return int(digits) if len(digits) < LONG_NUMBER else float(digits)


def _number(text: str) -> int | float:
    """A number with a fraction or an exponent; as an integer when it is a whole one."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 10**LONG_NUMBER else number


def _misread(text: str, value: object) -> str | None:
    """Say what is wrong with a parameter's text that msgspec takes, when it is not strict, for more than it says."""
    if "\0" in text:
        return "it holds NUL"
    if value is None:  # as if it had not been sent
        return "it is null"
    if isinstance(value, datetime) and ":" not in text:  # a number, taken for seconds since 1970
        return "it is no time of RFC 3339"
    return None


def _faults(value: Any, kind: Any, pointer: str, *, strict: bool = True) -> Iterator[Fault]:
    """Look at each part by itself, for msgspec stops at the first fault."""
    kind, bounds = _meant(kind, value)
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        yield from (
            Fault("there is no such field", f"{pointer}/{escape(name)}") for name in value if name not in fields
        )
        for name, field in fields.items():
            if name in value:
                yield from _faults(value[name], field.type, f"{pointer}/{name}", strict=strict)
            elif field.required:
                yield Fault("this field is needed", f"{pointer}/{name}")
    elif origin is list and not _misfit(value, Annotated[list[Any], *bounds], strict=strict):
        for nth, each in enumerate(value):
            yield from _faults(each, parts[0], f"{pointer}/{nth}", strict=strict)
    elif origin is dict and not _misfit(value, Annotated[dict[Any, Any], *bounds], strict=strict):
        for name, each in value.items():
            yield from _faults(name, parts[0], f"{pointer}/{escape(name)}", strict=strict)
            yield from _faults(each, parts[1], f"{pointer}/{escape(name)}", strict=strict)
    elif kind is not msgspec.Raw and (error := _misfit(value, Annotated[kind, *bounds], strict=strict)):
        yield _fault(error, pointer)


def _meant(kind: Any, value: Any) -> tuple[Any, tuple[Any, ...]]:
    """Of a union the part that an object or a list is meant for; and, apart from it, its bounds."""
    if hasattr(kind, "__metadata__"):
        return get_args(kind)[0], kind.__metadata__
    if get_origin(kind) in (Union, UnionType) and isinstance(value, dict | list):
        outsides = (list,) if isinstance(value, list) else (dict, msgspec.Struct)
        for part in get_args(kind):
            plain, bounds = _meant(part, value)
            outside = get_origin(plain) or plain
            if isinstance(outside, type) and issubclass(outside, outsides):
                return plain, bounds
    return kind, NO_BOUNDS


def _misfit(value: Any, kind: Any, *, strict: bool) -> msgspec.ValidationError | None:
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        return error
    return None


def _fault(error: msgspec.ValidationError, pointer: str) -> Fault:
    text = str(error)
    if match := _PATH.search(text):
        text = text[: match.start()]
        pointer += "".join(f"/{escape(step['name'] or step['index'])}" for step in _STEP.finditer(match["path"]))
    return Fault(text, pointer)
