"""The resources of template.yaml as AWS's translator expands them, and how they refer to each other."""

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

from local.template import template
from tests.support.client import ROOT


@cache
def expanded() -> Mapping[str, Any]:
    """The whole expansion: Parameters, Conditions, Resources, Outputs."""
    return template.translate(ROOT / "template.yaml")


@cache
def resources() -> Mapping[str, Any]:
    found: dict[str, Any] = expanded()["Resources"]
    return found


def functions() -> Mapping[str, Any]:
    """The properties of each function."""
    return {
        name: resource["Properties"]
        for name, resource in resources().items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def folder(function: str) -> str:
    """The name of a function's folder."""
    return str(functions()[function]["Code"]["S3Key"]).rpartition("/")[2]


def named(value: Any) -> set[str]:
    """The resources that a value refers to: by Ref, GetAtt or Sub."""
    text = json.dumps(value)
    names = re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"([\w.]+)', text) + re.findall(r"\$\{([\w.]+)\}", text)
    return {name.split(".")[0] for name in names} & resources().keys()


def needs(name: str) -> AbstractSet[str]:
    """The resources that CloudFormation makes before this one, by whatever way."""
    found: set[str] = set()
    new = {name}
    while new:
        resource = [resources()[each] for each in new]
        depends = [each.get("DependsOn", []) for each in resource]
        listed = {one for each in depends for one in ([each] if isinstance(each, str) else each)}
        new = (set().union(*(named(each) for each in resource)) | listed) - found
        found |= new
    return found
