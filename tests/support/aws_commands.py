"""What AWS, or its CLI, would refuse of an `aws …` command: looked up in botocore's models, as the CLI does."""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel, Shape

SESSION = botocore.session.get_session()
OF_ALL = {"--region", "--profile", "--cli-read-timeout", "--cli-binary-format"}
OUTPUTS = {"json", "text", "table", "yaml"}
# Commands without an operation: the options that they need, and those that they may have.
OF_THE_CLI = {
    ("logs", "tail"): (set[str](), {"--since", "--follow", "--format", "--filter-pattern"}),
    ("rds", "generate-db-auth-token"): ({"--hostname", "--port", "--username"}, set[str]()),
    ("ec2-instance-connect", "ssh"): (
        {"--instance-id"},
        {"--connection-type", "--local-forwarding", "--os-user", "--private-key-file"},
    ),
    ("cloudformation", "deploy"): ({"--stack-name", "--template-file"}, {"--parameter-overrides", "--capabilities"}),
}
# A value that the reader, or the shell, puts in.
OPEN = re.compile(r"[$…]|\bX\b")
START = re.compile(r"(?:(?<=[\s($;|&])|^)aws (?=[a-z0-9-]+ [a-z0-9-]+)", re.MULTILINE)


class Command(NamedTuple):
    page: Path
    words: list[str]
    is_mention: bool  # only named in a sentence

    def __str__(self) -> str:
        return f"{self.page.name}: aws {' '.join(self.words)}"[:100]


def commands(page: Path, text: str) -> Iterator[Command]:
    """The commands in the code of a page, without line breaks; <what the reader puts in> is X."""
    text = text.replace("\\\n", " ")
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`(aws [^`]+)`", prose)
    for is_inline, code in [*((False, each) for each in fenced), *((True, each) for each in inline)]:
        plain = re.sub(r"<[^<>\n]+>", "X", code)
        for start in START.finditer(plain):
            words = shlex.split(_to_its_end(plain[start.end() :]))
            yield Command(page, words, is_mention=is_inline and len(words) == 2)


def _to_its_end(text: str) -> str:
    """The text up to what ends a command of the shell, outside of quotes."""
    quote = ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "\n;|&)><#":
            return text[:at]
    return text


def options(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The words before any option, and the values of each."""
    found: dict[str, list[str]] = {}
    positional = []
    for word in words:
        if word.startswith("--"):
            found[word] = []
        elif found:
            found[[*found][-1]].append(word)
        else:
            positional.append(word)
    return positional, found


def faults(words: list[str], *, is_mention: bool = False) -> Iterator[str]:
    """What AWS, or its CLI, would refuse."""
    (service, name, *rest), given = options(words)
    query = given.pop("--query", None)
    output = given.pop("--output", ["json"])
    given.pop("--no-cli-pager", None)
    if output[0] not in OUTPUTS:
        yield f"--output {output}"
    for option in [each for each in given if each in OF_ALL]:
        if len(given.pop(option)) != 1:
            yield f"{option} takes one value"
    if own := OF_THE_CLI.get((service, name)):
        needed, optional = own
        yield from (f"{each} is missing" for each in needed - given.keys())
        yield from (f"there is no {each}" for each in given.keys() - needed - optional)
        return
    try:
        operation, rest = _operation(service, name, rest)
    except (KeyError, UnknownServiceError, ValueError) as error:
        yield f"there is no aws {service} {name}: {error}"
        return
    streams = operation.has_streaming_output
    last = [*given.values()][-1] if given else rest
    if streams and len(last) > 1:
        rest.append(last.pop())  # the file that the answer goes to
    if len(rest) != streams:
        yield f"{rest} beside the options"
    yield from _option_faults(operation, given, is_mention=is_mention)
    if query:
        yield from _query_faults(query, operation)


def _operation(service: str, name: str, rest: list[str]) -> tuple[OperationModel, list[str]]:
    model = SESSION.get_service_model(service)
    if name == "wait":
        waiters = {xform_name(each, "-"): each for each in SESSION.get_waiter_model(service).waiter_names}
        operation = SESSION.get_waiter_model(service).get_waiter(waiters[rest[0]]).operation
        return model.operation_model(operation), rest[1:]
    names = {xform_name(each, "-"): each for each in model.operation_names}
    return model.operation_model(names[name]), rest


def _option_faults(operation: OperationModel, given: Mapping[str, list[str]], *, is_mention: bool) -> Iterator[str]:
    shape = operation.input_shape
    members: Mapping[str, Shape] = shape.members if shape else {}
    known = {f"--{xform_name(name, '-')}": member for name, member in members.items()}
    known |= {
        option.replace("--", "--no-", 1): member for option, member in known.items() if member.type_name == "boolean"
    }
    required = {f"--{xform_name(name, '-')}" for name in (shape.required_members if shape else ())}
    if not is_mention:
        yield from (f"{each} is missing" for each in required - given.keys())
    for option, values in given.items():
        if option not in known:
            yield f"there is no {option}"
        else:
            yield from (f"{option}: {fault}" for fault in _value_faults(known[option], values))


def _value_faults(shape: Any, values: list[str]) -> Iterator[str]:
    kind = shape.type_name
    if kind == "boolean":
        yield from (f"takes no value, and not {each}" for each in values)
    elif kind == "list" and values:
        for value in values:
            yield from _value_faults(shape.member, [value])
    elif len(values) != 1:
        yield f"takes one value, and not {values}"
    elif kind == "structure":
        yield from _structure_faults(shape, values[0])
    elif not OPEN.search(values[0]):
        yield from _scalar_faults(shape, values[0])


def _structure_faults(shape: Any, value: str) -> Iterator[str]:
    """Of `Name=value,Name=value`."""
    pairs = dict(pair.partition("=")[::2] for pair in re.split(r",(?=\w+=)", value))
    yield from (f"there is no {each}" for each in pairs.keys() - shape.members.keys())
    yield from (f"{each} is missing" for each in {*shape.required_members} - pairs.keys())
    for name in pairs.keys() & shape.members.keys():
        if shape.members[name].type_name not in {"boolean", "list"}:
            yield from _value_faults(shape.members[name], [pairs[name]])


def _scalar_faults(shape: Any, value: str) -> Iterator[str]:
    if kinds := getattr(shape, "enum", []):
        if value not in kinds:
            yield f"{value} is none of {', '.join(kinds)}"
    elif shape.type_name in {"integer", "long"} and not re.fullmatch(r"-?\d+", value):
        yield f"{value} is no whole number"
    elif shape.type_name in {"double", "float"} and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        yield f"{value} is no number"


def _query_faults(query: list[str], operation: OperationModel) -> Iterator[str]:
    if len(query) != 1:
        yield f"--query takes one value, and not {query}"
        return
    try:
        parsed = jmespath.compile(query[0]).parsed
        _follow(parsed, operation.output_shape)
    except (jmespath.exceptions.JMESPathError, KeyError) as error:
        yield f"--query: {error}"


def _follow(node: Any, shape: Any) -> Any:
    """The shape that a query leads to; None when it is not known. Raises KeyError for a field that is not there."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return shape.members[node["value"]] if shape is not None and shape.type_name == "structure" else None
    if kind in {"subexpression", "index_expression", "pipe", "projection", "filter_projection"}:
        found = _follow(children[0], shape)
        inner = found
        if kind.endswith("projection") and found is not None and found.type_name == "list":
            inner = found.member
        if kind == "filter_projection":
            _follow(children[2]["children"][0], inner)
        reached = _follow(children[1], inner)
        return found if kind.endswith("projection") else reached
    if kind == "flatten":
        return _follow(children[0], shape)
    if kind == "index":
        return shape.member if shape is not None and shape.type_name == "list" else None
    if kind == "identity":
        return shape
    for child in children:  # of a list or an object of several
        _follow(child["children"][0] if child["type"] == "key_val_pair" else child, shape)
    return None
