"""A deployed stack as the checks look at it, and what a check finds."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from scripts.stack import NotDeployed, Stack


@dataclass(frozen=True)
class Finding:
    """What a check has seen; whether that is what it expects. None: it is a figure, of which nothing is expected."""

    seen: str
    is_expected: bool | None = field(kw_only=True)


@dataclass(frozen=True)
class Check:
    """One fact that only an account shows. The texts are those of docs/how-to/deploy-check.md."""

    name: str
    looks_at: str
    expects: str
    otherwise: str  # what to do
    look: "Callable[[Deployed], Finding]"


class Deployed:
    """A stack with its outputs, and what AWS calls each of its resources. Raises NotDeployed when there is none."""

    def __init__(self, stack: Stack) -> None:
        found = stack.describe()
        if not found:
            raise NotDeployed(f"there is no stack {stack.name}: make deploy makes it")
        self.stack = stack
        self._clients: dict[str, Any] = {}
        self.status: str = found["StackStatus"]
        self.parameters = {each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])}
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
        resources = self.resources(stack.name)
        self.names: Mapping[str, str] = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        self.functions = sorted(
            each["LogicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Function"
        )

    @cached_property
    def database(self) -> Mapping[str, str]:
        """What AWS calls the resources of the managed database; empty when the database is one of your own."""
        if "ManagedDatabase" not in self.names:
            return {}
        found = self.resources(self.names["ManagedDatabase"])
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}

    def metric(
        self, metric: str, dimension: tuple[str, str], statistic: str, within: timedelta, period: timedelta
    ) -> list[float]:
        """Read a metric, such as AWS/Lambda/Errors: a figure for each period that has one, the last one last."""
        namespace, _, name = metric.rpartition("/")
        now = datetime.now(UTC)
        found = self.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[dict(zip(("Name", "Value"), dimension, strict=True))],
            StartTime=now - within,
            EndTime=now,
            Period=int(period.total_seconds()),
            Statistics=[statistic],
        )
        points = sorted(found["Datapoints"], key=lambda point: point["Timestamp"])
        return [float(point[statistic]) for point in points]

    def resources(self, stack: str) -> list[Mapping[str, Any]]:
        """List the resources of a stack: of this one, or of one that is nested in it."""
        listed = self.pages("cloudformation", "list_stack_resources", StackName=stack)
        return [resource for page in listed for resource in page["StackResourceSummaries"]]

    def client(self, service: str) -> Any:
        """The client of a service, made once: botocore reads megabytes for each."""
        if service not in self._clients:
            self._clients[service] = self.stack.client(service)
        return self._clients[service]

    def pages(self, service: str, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        """The answers of an operation of AWS, page by page."""
        yield from self.client(service).get_paginator(operation).paginate(**arguments)

    def output(self, name: str) -> str:
        """An output of the stack. Raises NotDeployed."""
        if name not in self.outputs:
            raise NotDeployed(
                f"the stack {self.stack.name} has no output {name}: it is of another version, or not of pgbroker"
            )
        return str(self.outputs[name])

    @cached_property
    def admin_token(self) -> str:
        token: str = json.loads(self.stack.read_secret(self.output("SetupSecret")))["admin_token"]
        return token
