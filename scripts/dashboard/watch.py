"""infrastructure/watch.yaml, as CloudFormation makes alarms and a dashboard of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.template.values import Values

FILE = Path(__file__).parents[2] / "infrastructure" / "watch.yaml"
DEFAULTS = {"Alarms": "on", "Cluster": "pgbroker-database"}


class Loader(yaml.SafeLoader):
    """Reads YAML with CloudFormation's short forms, and writes them in full."""


def _full(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        text = str(loader.construct_scalar(node))
        value: Any = text.split(".", 1) if suffix == "GetAtt" else text
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(f"!{suffix} of a mapping")
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _full)


def read() -> dict[str, Any]:
    """Read the template."""
    template: dict[str, Any] = yaml.load(FILE.read_text(), Loader)  # noqa: S506  a safe one, with short forms
    return template


def resolver(template: Mapping[str, Any], **parameters: str) -> Values:
    """Know the values of a template's references: a parameter that is not given has its name as its value."""
    given = {**{name: name for name in template["Parameters"]}, **DEFAULTS, **parameters}
    arns = {f"{name}.Arn": f"arn:aws:cloudwatch:::alarm:{name}" for name in template["Resources"]}
    return Values({**given, **arns, "AWS::Region": "us-east-1"}, template["Conditions"])


def dashboard(**parameters: str) -> dict[str, Any]:
    """Return what CloudWatch gets as the dashboard's body."""
    template = read()
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]
    made: dict[str, Any] = json.loads(resolver(template, **parameters).resolve(body, "the dashboard"))
    return made


def alarms(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the alarms that CloudFormation makes, by name."""
    template = read()
    values = resolver(template, **parameters)
    made: dict[str, dict[str, Any]] = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            kept = values.given(
                {name: {"Fn::If": [resource["Condition"], resource["Properties"], {"Ref": "AWS::NoValue"}]}}
            )
            made |= {name: values.given(properties) for name, properties in kept.items()}
    return made
