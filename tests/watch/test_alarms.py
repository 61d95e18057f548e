"""The alarms of infrastructure/watch.yaml: what they look at exists, and their bounds are as written."""

import json
import re

import boto3
import pytest
from botocore.session import get_session

from scripts.dashboard import watch
from tests.support.client import ROOT
from tests.watch.aws_metrics import SOURCES

ALARMS = watch.alarms()
PAGE = (ROOT / "docs/how-to/watch.md").read_text()
TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
DAY, WEEK = 86_400, 604_800  # seconds

# Name: metric, statistic, period, datapoints of periods, comparison, threshold, what a metric without data is
EXPECTED = {
    "DeadLetters": ("Dead", "Sum", 300, "1 of 3", ">=", 1, "notBreaching"),
    "OldMessages": ("OldestAge", "Maximum", 300, "1 of 3", ">", 3600, "notBreaching"),
    "ServerErrors": ("5xx", "Sum", 300, "2 of 2", ">=", 5, "notBreaching"),
    "Throttles": ("Throttles", "Sum", 300, "2 of 2", ">=", 1, "notBreaching"),
    "DispatchErrors": ("Errors", "Sum", 300, "2 of 3", ">=", 1, "notBreaching"),
    "DeliverErrors": ("Errors", "Sum", 300, "2 of 3", ">=", 1, "notBreaching"),
    "MaintainErrors": ("Errors", "Sum", 300, "1 of 1", ">=", 1, "notBreaching"),
    "RecursionEnded": ("RecursiveInvocationsDropped", "Sum", 300, "1 of 1", ">=", 1, "notBreaching"),
    "LastResort": ("ApproximateNumberOfMessagesVisible", "Maximum", 300, "1 of 1", ">=", 1, "notBreaching"),
    "DeliveryBehind": ("ApproximateAgeOfOldestMessage", "Maximum", 60, "5 of 5", ">", 240, "notBreaching"),
    "DispatchBehind": ("ApproximateAgeOfOldestMessage", "Maximum", 60, "5 of 5", ">", 1800, "notBreaching"),
    "SubscriptionDisabled": ("SubscriptionsDisabled", "Sum", 300, "1 of 3", ">=", 1, "notBreaching"),
    "MessagesLost": ("Lost", "Sum", 300, "1 of 3", ">=", 1, "notBreaching"),
    "MaintainMissing": ("KeptPartitions", "SampleCount", 3600, "26 of 26", "<", 1, "breaching"),
    "PartitionsKept": ("KeptPartitions", "Maximum", 86_400, "3 of 4", ">=", 1, "notBreaching"),
}
SIGNS = {"GreaterThanOrEqualToThreshold": ">=", "GreaterThanThreshold": ">", "LessThanThreshold": "<"}
WITHOUT_A_CALLER = {"Dispatch", "Deliver", "Maintain"}


def metrics_of(alarm):
    """The metrics that an alarm reads: namespace, name, dimension, its value, statistic, period."""
    stats = [each["MetricStat"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    read = [(each["Metric"], each["Stat"], each["Period"]) for each in stats]
    if "MetricName" in alarm:
        read.append((alarm, alarm["Statistic"], alarm["Period"]))
    found = []
    for metric, statistic, period in read:
        [dimension] = metric["Dimensions"]
        value = dimension["Value"]["Ref"]
        found.append((metric["Namespace"], metric["MetricName"], dimension["Name"], value, statistic, period))
    return found


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_has_the_bounds_that_are_written_here(name):
    alarm = ALARMS[name]
    [(metric, statistic, period)] = {(each[1], each[4], each[5]) for each in metrics_of(alarm)}
    periods = alarm["EvaluationPeriods"]
    datapoints = f"{alarm.get('DatapointsToAlarm', periods)} of {periods}"
    sign = SIGNS[alarm["ComparisonOperator"]]
    found = (metric, statistic, period, datapoints, sign, alarm["Threshold"], alarm["TreatMissingData"])
    assert found == EXPECTED[name]


def test_each_alarm_is_written_here():
    assert ALARMS.keys() == EXPECTED.keys()


def test_each_alarm_of_aws_looks_at_a_metric_that_aws_documents():
    for name, alarm in ALARMS.items():
        for namespace, metric, dimension, _, _, _ in metrics_of(alarm):
            assert namespace == "pgbroker" or (namespace, metric, dimension) in SOURCES, name


def test_each_alarm_of_ours_looks_at_a_metric_that_the_code_emits(emitted):
    ours = {each for alarm in ALARMS.values() for each in metrics_of(alarm) if each[0] == "pgbroker"}
    assert ours
    for _, metric, dimension, value, _, _ in ours:
        assert metric in emitted
        assert (dimension, value) == ("service", "Service")


def test_an_idle_broker_is_quiet():
    """Only what runs once a day whatever happens may be missed."""
    assert {name for name, alarm in ALARMS.items() if alarm["TreatMissingData"] != "notBreaching"} == {
        "MaintainMissing"
    }


def test_each_function_without_a_caller_has_an_alarm_on_its_errors():
    watched = {
        value for alarm in ALARMS.values() for _, metric, _, value, _, _ in metrics_of(alarm) if metric == "Errors"
    }
    assert watched == WITHOUT_A_CALLER


def test_all_functions_behind_the_api_are_watched_for_throttles():
    watched = {each[3] for each in metrics_of(ALARMS["Throttles"])}
    assert watched == {"Publish", "Consume", "Subscribe", "Broadcast", "Manage"}
    summed = ALARMS["Throttles"]["Metrics"][0]["Expression"]
    assert summed == "SUM([publish, consume, subscribe, broadcast, manage])"


def test_what_is_read_from_the_log_is_looked_for_in_more_than_one_period():
    """A metric in a log line may come minutes late."""
    for name, alarm in ALARMS.items():
        if any(each[0] == "pgbroker" for each in metrics_of(alarm)):
            assert alarm["EvaluationPeriods"] >= 3, name


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_looks_back_no_further_than_cloudwatch_allows(name):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    for *_, period in metrics_of(ALARMS[name]):
        assert period * ALARMS[name]["EvaluationPeriods"] <= (WEEK if period >= 3600 else DAY)


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_to_do(name):
    shape = get_session().get_service_model("cloudwatch").operation_model("PutMetricAlarm").input_shape
    description = ALARMS[name]["AlarmDescription"]
    assert 80 < len(description) <= shape.members["AlarmDescription"].metadata["max"]
    assert description.count(". ") >= 1  # what has happened, and what to do
    assert description.endswith(".")


def test_the_alarms_are_off_by_the_option():
    assert watch.alarms(Alarms="off") == {}
    assert watch.alarms(Alarms="on").keys() == EXPECTED.keys()


def test_a_topic_is_notified_when_it_is_given():
    for properties in watch.alarms(Alarms="on").values():
        assert properties.keys() & {"AlarmActions", "OKActions"} == set()
    for properties in watch.alarms(Alarms=TOPIC).values():
        assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "Alarms"}]


@pytest.mark.parametrize("name", ALARMS)
def test_the_page_has_each_alarm_with_its_bound_and_what_to_do(name):
    [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
    _, when, what = row.removesuffix(" |").split(" | ")
    assert str(ALARMS[name]["Threshold"]) in when
    assert what == ALARMS[name]["AlarmDescription"]


def test_the_page_lists_no_other_alarm():
    table = PAGE.partition("## Alarms\n")[2].partition("\n## ")[0]
    assert {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")} == ALARMS.keys()


def test_cloudwatch_takes_each_alarm(aws):
    client = boto3.client("cloudwatch", region_name="us-east-1")
    for name, properties in watch.alarms(Alarms=TOPIC).items():
        named = re.sub(r'{"Ref": ("\w+")}', r"\1", json.dumps(properties)).replace('["Alarms"]', f'["{TOPIC}"]')
        client.put_metric_alarm(AlarmName=name, **json.loads(named))
    assert {each["AlarmName"] for each in client.describe_alarms()["MetricAlarms"]} == EXPECTED.keys()
