"""What template.yaml deploys. AWS's own SAM translator reads it, so the local runner always runs what AWS would run."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from local.template.values import TemplateError, Values

INVOKED = frozenset({"Migrate"})  # the functions without events that the runner invokes itself
PSEUDO = {"AWS::StackName": "pgbroker"}  # what CloudFormation knows of each stack


@dataclass(frozen=True)
class Function:
    name: str
    folder: Path
    handler: str  # "app.handler"
    layers: tuple[Path, ...]
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # "/topics/{topic}/messages"
    function: Function


@dataclass(frozen=True)
class Schedule:
    name: str
    every: timedelta
    function: Function


@dataclass(frozen=True)
class Queue:
    name: str
    visibility_seconds: int
    retention_seconds: int
    max_receives: int = 0  # after so many a message goes to the queue `last_resort`; 0: never
    last_resort: str = ""


@dataclass(frozen=True)
class EventSource:
    """A queue whose messages invoke a function, in batches."""

    name: str
    queue: Queue
    function: Function
    batch_size: int
    concurrency: int  # the most invocations at the same time
    reports_failures: bool  # True: the function says which messages failed; False: all of a batch fail, or none


@dataclass(frozen=True)
class Template:
    functions: Mapping[str, Function]
    routes: tuple[Route, ...]
    schedules: tuple[Schedule, ...]
    queues: Mapping[str, Queue]
    sources: tuple[EventSource, ...]


def translate(file: Path, cache: Path | None = None) -> dict[str, Any]:
    """Translate the SAM template `file` to CloudFormation. Its parameters have no values yet. Raises TemplateError.

    This takes about a second, so the file `cache` keeps the result until the template changes.
    """
    source = file.read_bytes()
    key = hashlib.sha256(source + version("aws-sam-translator").encode()).hexdigest()
    if cache is not None and cache.exists():
        cached_key, translated = json.loads(cache.read_bytes())
        if cached_key == key:
            return dict(translated)
    translated = _run_translator(source)
    if cache is not None:
        cache.write_text(json.dumps([key, translated]))
    return translated


def read(
    translated: Mapping[str, Any],
    root: Path,
    parameters: Mapping[str, str],
    *,
    resources: Mapping[str, str] | None = None,
    queue_base_url: str = "",
) -> Template:
    """Return what a translated template deploys from `root`. A parameter that is not given has its default.

    Functions that nothing here invokes are left out. `resources` has the values of references to resources that exist
    on AWS only: `Name` or `Name.Attribute`. A queue's URL is `queue_base_url` and its name; by default only the name,
    as in `sam local`. Raises TemplateError.
    """
    declared = translated["Resources"]
    queues = {
        name: _queue(name, resource.get("Properties", {}))
        for name, resource in declared.items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    values = Values(
        {
            **PSEUDO,
            **_parameter_values(translated.get("Parameters", {}), parameters),
            **{name: queue_base_url + name for name in queues},
            **(resources or {}),
        },
        translated.get("Conditions", {}),
    )
    functions = _Functions(declared, root, values)
    routes, schedules = tuple(_routes(declared, functions)), tuple(_schedules(declared, functions))
    sources = tuple(_sources(declared, functions, queues))
    for name in INVOKED & declared.keys():
        functions.named(name)
    return Template(functions.used, routes, schedules, queues, sources)


class _Functions:
    """The functions of a template, each read when something names it."""

    def __init__(self, resources: Mapping[str, Any], root: Path, values: Values) -> None:
        self.used: dict[str, Function] = {}
        self._resources = resources
        self._root = root
        self._values = values

    def named(self, name: str) -> Function:
        if name not in self.used:
            properties = self._values.given(self._resources[name]["Properties"])
            self.used[name] = self._read(name, properties)
        return self.used[name]

    def _read(self, name: str, properties: Mapping[str, Any]) -> Function:
        variables = self._values.given(properties.get("Environment", {}).get("Variables", {}))
        layers = [self._resources[layer["Ref"]]["Properties"] for layer in properties.get("Layers", [])]
        return Function(
            name=name,
            folder=self._root / properties["Code"]["S3Key"],
            handler=properties["Handler"],
            layers=tuple(self._root / layer["Content"]["S3Key"] for layer in layers),
            timeout_seconds=properties.get("Timeout", 3),
            memory_mb=properties.get("MemorySize", 128),
            environment={
                variable: self._values.resolve(value, f"the environment variable {variable} of {name}")
                for variable, value in variables.items()
            },
        )


def _run_translator(source: bytes) -> dict[str, Any]:
    translator = subprocess.run(
        [sys.executable, "-m", "local.template.sam"],
        cwd=Path(__file__).parents[2],
        env={"AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull},
        input=source,
        capture_output=True,
        check=False,
    )
    if translator.returncode != 0:
        raise TemplateError(f"the SAM template is not valid: {translator.stderr.decode()}")
    translated: dict[str, Any] = json.loads(translator.stdout)
    return translated


def _parameter_values(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, str]:
    if unknown := given.keys() - declared.keys():
        raise TemplateError(f"the template has no parameter {', '.join(sorted(unknown))}")
    values = {}
    for name, parameter in declared.items():
        if name not in given and "Default" not in parameter:
            raise TemplateError(f"the parameter {name} needs a value")
        value = given[name] if name in given else str(parameter["Default"])
        if not re.search(parameter.get("AllowedPattern", ""), value):
            raise TemplateError(f"the parameter {name} must match {parameter['AllowedPattern']}")
        if value not in map(str, parameter.get("AllowedValues", [value])):
            raise TemplateError(f"the parameter {name} must be one of {parameter['AllowedValues']}")
        values[name] = value
    return values


def _routes(resources: Mapping[str, Any], functions: _Functions) -> Iterator[Route]:
    for api in resources.values():
        if api["Type"] == "AWS::ApiGatewayV2::Api":
            for path, methods in api["Properties"]["Body"]["paths"].items():
                for method, operation in methods.items():
                    uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
                    [name] = re.findall(r"/functions/\$\{(\w+)(?:\.Arn)?\}", uri)
                    if resources[name]["Type"] == "AWS::Lambda::Alias":
                        name = resources[name]["Properties"]["FunctionName"]["Ref"]
                    yield Route(method.upper(), path, functions.named(name))


def _schedules(resources: Mapping[str, Any], functions: _Functions) -> Iterator[Schedule]:
    for name, rule in resources.items():
        if rule["Type"] == "AWS::Events::Rule":
            expression = rule["Properties"]["ScheduleExpression"]
            rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
            if rate is None:
                raise TemplateError(f"the schedule {name} is {expression}, but only rate(...) works here")
            for target in rule["Properties"]["Targets"]:
                function = functions.named(target["Arn"]["Fn::GetAtt"][0])
                yield Schedule(name, timedelta(**{f"{rate[2]}s": int(rate[1])}), function)


def _queue(name: str, properties: Mapping[str, Any]) -> Queue:
    visibility, retention = properties.get("VisibilityTimeout", 30), properties.get("MessageRetentionPeriod", 345_600)
    redrive = properties.get("RedrivePolicy")
    if redrive is None:
        return Queue(name, visibility, retention)
    last_resort = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    return Queue(name, visibility, retention, redrive["maxReceiveCount"], last_resort)


def _sources(resources: Mapping[str, Any], functions: _Functions, queues: Mapping[str, Queue]) -> Iterator[EventSource]:
    for name, mapping in resources.items():
        if mapping["Type"] == "AWS::Lambda::EventSourceMapping":
            properties = mapping["Properties"]
            yield EventSource(
                name,
                queues[properties["EventSourceArn"]["Fn::GetAtt"][0]],
                functions.named(properties["FunctionName"]["Ref"]),
                properties.get("BatchSize", 10),
                properties.get("ScalingConfig", {}).get("MaximumConcurrency", 5),
                "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", []),
            )
