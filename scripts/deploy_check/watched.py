"""What CloudWatch has made of the broker's lines and alarms, after the traffic of the other checks."""

import time
from collections import Counter
from datetime import timedelta

from scripts.deploy_check import traffic
from scripts.deploy_check.deployed import Deployed, Finding

METRIC_SECONDS = 180  # CloudWatch shows a metric of a log line after a minute or two
RECENT = timedelta(minutes=15)


def metrics(of: Deployed) -> Finding:
    """Find the messages that the catch-up has delivered among the metrics, which CloudWatch reads from the log."""
    give_up = time.monotonic() + METRIC_SECONDS
    while (delivered := _delivered(of)) < traffic.BATCHES and time.monotonic() < give_up:
        time.sleep(10)
    return Finding(f"Delivered {delivered:g} in a quarter of an hour", is_expected=delivered >= traffic.BATCHES)


def _delivered(of: Deployed) -> float:
    return sum(of.metric("pgbroker/Delivered", ("service", of.stack.name), "Sum", RECENT, RECENT))


def alarms(of: Deployed) -> Finding:
    if of.parameters.get("Alarms") == "off":
        return Finding("they are off", is_expected=None)
    names = {
        each["PhysicalResourceId"]: each["LogicalResourceId"]
        for each in of.resources(of.names["Watch"])
        if each["ResourceType"] == "AWS::CloudWatch::Alarm"
    }
    found = of.client("cloudwatch").describe_alarms(AlarmNames=[*names])["MetricAlarms"]
    states = Counter(each["StateValue"] for each in found)
    alarming = sorted(names[each["AlarmName"]] for each in found if each["StateValue"] == "ALARM")
    seen = ", ".join(f"{count} x {state}" for state, count in sorted(states.items()))
    return Finding(
        f"{seen}: {', '.join(alarming)}" if alarming else seen or "none",
        is_expected=bool(found) and len(found) == len(names) and not alarming,
    )
