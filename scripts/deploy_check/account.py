"""What AWS says of the stack's resources. Nothing is written."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from scripts.deploy_check.deployed import Deployed, Finding

RUNTIME = "python3.13"
EXECUTIONS = {"Dispatch": 8, "Deliver": 32}  # MaximumConcurrency in template.yaml
THROTTLE = {"ThrottlingRateLimit": 1000, "ThrottlingBurstLimit": 500}  # of the API's stage, likewise
SECRETS = {"SetupSecret": {"admin_token", "token_keys", "functions_password"}, "LoginSecret": {"url"}}
BEFORE = {"Migrate", "Maintain", "Setup"}  # they bring the schema up to date
WITHOUT_DATABASE = {"Console", "Deliver"}
API_EXECUTIONS = 10  # the least that should be left for the functions behind the API


def functions(of: Deployed) -> Finding:
    architecture = of.parameters.get("Architecture", "x86_64")
    wanted = {"Runtime": RUNTIME, "Architectures": [architecture], "State": "Active", "LastUpdateStatus": "Successful"}
    faults = [] if of.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"} else [f"the stack is {of.status}"]
    for name in of.functions:
        found = of.client("lambda").get_function_configuration(FunctionName=of.names[name])
        faults += [f"{name}: {key} is {found.get(key)}" for key, value in wanted.items() if found.get(key) != value]
    return _judge(faults, f"{len(of.functions)} functions, {RUNTIME}, {architecture}, active")


def _judge(faults: Sequence[str], otherwise: str) -> Finding:
    return Finding("; ".join(faults) or otherwise, is_expected=not faults)


def order(of: Deployed) -> Finding:
    """Compare the events of the stack's last change: Migrated was complete before the first of its users changed."""
    changed: dict[str, datetime] = {}  # when the last change of a resource began
    migrated = None
    for event in _last_events(of):
        name, status = event["LogicalResourceId"], event["ResourceStatus"]
        if name == "Migrated" and status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            migrated = event["Timestamp"]
        if status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
            changed[name] = event["Timestamp"]
    users = [name for name in of.functions if name in changed and name not in BEFORE | WITHOUT_DATABASE]
    if migrated is None or not users:
        return Finding("the last change did not both migrate and change functions", is_expected=None)
    early = [name for name in users if changed[name] < migrated]
    return _judge([f"{name} before Migrated" for name in early], f"Migrated, then {', '.join(users)}")


def _last_events(of: Deployed) -> list[Mapping[str, Any]]:
    """The events of the stack's last change, the newest first, so that the last one seen of a name is its first."""
    events: list[Mapping[str, Any]] = []
    for page in of.pages("cloudformation", "describe_stack_events", StackName=of.stack.name):
        for event in page["StackEvents"]:
            if event.get("ResourceStatusReason") == "User Initiated" and event["LogicalResourceId"] == of.stack.name:
                return events
            events.append(event)
    return events


def recursion(of: Deployed) -> Finding:
    said = {
        name: of.client("lambda").get_function_recursion_config(FunctionName=of.names[name])["RecursiveLoop"]
        for name in EXECUTIONS
    }
    dropped = sum(_sum_of_day(of, "RecursiveInvocationsDropped", of.names[name]) for name in EXECUTIONS)
    seen = ", ".join(f"{name}: {value}" for name, value in said.items())
    return Finding(
        f"{seen}; dropped in a day: {dropped:g}", is_expected=set(said.values()) == {"Allow"} and not dropped
    )


def _sum_of_day(of: Deployed, metric: str, function: str) -> float:
    day = timedelta(days=1)
    return sum(of.metric(f"AWS/Lambda/{metric}", ("FunctionName", function), "Sum", day, day))


def event_sources(of: Deployed) -> Finding:
    faults = []
    for name, most in EXECUTIONS.items():
        mappings = of.client("lambda").list_event_source_mappings(FunctionName=of.names[name])["EventSourceMappings"]
        wanted = {"State": "Enabled", "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        if len(mappings) != 1:
            faults.append(f"{name} has {len(mappings)} queues")
        for found in mappings:
            faults += [f"{name}: {key} is {found.get(key)}" for key, value in wanted.items() if found.get(key) != value]
            if (given := found.get("ScalingConfig", {}).get("MaximumConcurrency")) != most:
                faults.append(f"{name}: MaximumConcurrency is {given}, not {most}")
    return _judge(faults, "one queue each, enabled, with their MaximumConcurrency")


def concurrency(of: Deployed) -> Finding:
    limit = of.client("lambda").get_account_settings()["AccountLimit"]
    free, all_of_them = limit["UnreservedConcurrentExecutions"], limit["ConcurrentExecutions"]
    needed = sum(EXECUTIONS.values()) + (0 if int(of.parameters.get("ReservedConcurrency", 0)) else API_EXECUTIONS)
    return Finding(
        f"{free} of the account's {all_of_them} executions are not reserved; needed: {needed}",
        is_expected=free >= needed,
    )


def secrets(of: Deployed) -> Finding:
    """Look at the names in each secret. No value is shown."""
    faults = []
    for name, keys in SECRETS.items():
        value = json.loads(of.stack.read_secret(of.names[name]))
        if missing := keys - {key for key, text in value.items() if text}:
            faults.append(f"{name} has no {', '.join(sorted(missing))}")
    return _judge(faults, "both have what Setup writes")


def throttle(of: Deployed) -> Finding:
    stage = of.client("apigatewayv2").get_stage(ApiId=of.names["Api"], StageName="$default")
    found = stage.get("DefaultRouteSettings", {})
    seen = ", ".join(f"{key} {found.get(key)}" for key in THROTTLE)
    return Finding(seen, is_expected=all(found.get(key) == value for key, value in THROTTLE.items()))
