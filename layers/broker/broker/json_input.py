"""Decode the JSON that a caller sent, or name every fault in it with a pointer."""

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

    It also refuses what msgspec.Raw does not check: bytes that are not UTF-8, an escaped NUL, half a surrogate pair,
    and more than 200 levels.
    """
    if fault := _raw_fault(body):
        raise InvalidInput("the body is not valid", faults=[Fault(fault, pointer="")])
    return decode_again(body, kind)


def decode_again(body: bytes, kind: type[T]) -> T:
    """Decode as another type what `decode` has checked: its bytes are not checked a second time."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        pass
    except (msgspec.DecodeError, RecursionError) as error:
        raise _not_json(error) from None
    try:
        value = json.loads(body, parse_int=_whole, parse_float=_number)
    except ValueError as error:  # behind the first fault
        raise _not_json(error) from None
    try:
        return msgspec.convert(value, kind)  # for JSON Schema 30.0 is an integer, for msgspec only now
    except msgspec.ValidationError as error:
        faults = list(islice(_faults(value, kind, ""), MAX_FAULTS)) or [_fault(error, "")]
    raise InvalidInput("the body is not valid", faults=faults)


def convert_parameters(values: Mapping[str, str], kind: type[T]) -> T:
    """Convert the parameters of a query, which are all text. Raises InvalidInput, which names each faulty one."""
    try:
        converted = msgspec.convert(dict(values), kind, strict=False)
        faults = [
            Fault(fault, parameter=name)
            for name, text in values.items()
            if (fault := _text_fault(text, getattr(converted, name)))
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
    """Write a name as one step of a pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def convert(name: str, value: str, kind: type[T]) -> T:
    """Convert the text of a parameter or header. Raises InvalidInput, which names it."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{name} is not valid", faults=[Fault(str(error), parameter=name)]) from None


def _raw_fault(body: bytes) -> str | None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    if b"\\u" in body and any(match["bad"] for match in _ESCAPE.finditer(body)):
        return "remove the escaped NUL or the half of a surrogate pair"
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        return f"more than {MAX_DEPTH} levels deep"
    return None


def _depth(body: bytes) -> int:
    # with escapes gone, every second piece between quotes is a string; several times as fast as matching strings
    marks = body.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_BRACKET_NO_QUOTE)
    depth = deepest = 0
    for byte in b"".join(marks.split(b'"')[::2]):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _not_json(error: Exception) -> InvalidInput:
    return InvalidInput("the body is not JSON", faults=[Fault(str(error), pointer="")])


def _whole(digits: str) -> int | float:
    """Read a whole number; as a float when it is so long that Python would refuse it."""
    return int(digits) if len(digits) < LONG_NUMBER else float(digits)


def _number(text: str) -> int | float:
    """Read a number with a fraction or an exponent; as an integer when it is a whole one."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 10**LONG_NUMBER else number


def _text_fault(text: str, value: object) -> str | None:
    """Say what is wrong with the text of a parameter that msgspec, when not strict, still accepts."""
    if "\0" in text:
        return "it contains NUL"
    if value is None:  # the text null: as if it had not been sent
        return "it must not be null"
    if isinstance(value, datetime) and ":" not in text:  # a number, taken for seconds since 1970
        return "must be an RFC 3339 time"
    return None


def _faults(value: Any, kind: Any, pointer: str, *, strict: bool = True) -> Iterator[Fault]:
    """Find every fault in `value`: msgspec stops at the first one, so each part is converted by itself.

    It follows structs, lists, dicts and unions of them, which is all that the requests have.
    """
    kind, bounds = _choose(kind, value)
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        yield from (Fault("unknown field", f"{pointer}/{escape(name)}") for name in value if name not in fields)
        for name, field in fields.items():
            if name in value:
                yield from _faults(value[name], field.type, f"{pointer}/{name}", strict=strict)
            elif field.required:
                yield Fault("required field is missing", f"{pointer}/{name}")
    elif origin is list and not _conversion_error(value, Annotated[list[Any], *bounds], strict=strict):
        for nth, each in enumerate(value):
            yield from _faults(each, parts[0], f"{pointer}/{nth}", strict=strict)
    elif origin is dict and not _conversion_error(value, Annotated[dict[Any, Any], *bounds], strict=strict):
        for name, each in value.items():
            yield from _faults(name, parts[0], f"{pointer}/{escape(name)}", strict=strict)
            yield from _faults(each, parts[1], f"{pointer}/{escape(name)}", strict=strict)
    elif kind is not msgspec.Raw and (error := _conversion_error(value, Annotated[kind, *bounds], strict=strict)):
        yield _fault(error, pointer)


def _choose(kind: Any, value: Any) -> tuple[Any, tuple[Any, ...]]:
    """Split a type into the plain type and its bounds. Of a union, take the part that fits an object or a list."""
    if hasattr(kind, "__metadata__"):
        return get_args(kind)[0], kind.__metadata__
    if get_origin(kind) in (Union, UnionType) and isinstance(value, dict | list):
        outsides = (list,) if isinstance(value, list) else (dict, msgspec.Struct)
        for part in get_args(kind):
            plain, bounds = _choose(part, value)
            outside = get_origin(plain) or plain
            if isinstance(outside, type) and issubclass(outside, outsides):
                return plain, bounds
    return kind, NO_BOUNDS


def _conversion_error(value: Any, kind: Any, *, strict: bool) -> msgspec.ValidationError | None:
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
