"""The dashboard of infrastructure/watch.yaml: what it shows exists, and its picture is that of today."""

import itertools
import json
import re

import boto3
import pytest

from scripts.dashboard import __main__ as program
from scripts.dashboard import picture, series, watch
from tests.support.client import ROOT
from tests.watch.aws_metrics import SOURCES

pytestmark = pytest.mark.slow

WIDGETS = watch.dashboard()["widgets"]
LINES = [
    (widget["properties"]["title"], line)
    for widget in WIDGETS
    if widget["type"] == "metric"
    for line in widget["properties"]["metrics"]
]
PAGE = (ROOT / "docs/how-to/watch.md").read_text()


def titles(widgets):
    return [widget["properties"].get("title") for widget in widgets]


def test_it_shows_from_top_to_bottom_what_a_person_on_call_asks():
    assert titles(WIDGETS) == [
        "Alarms",
        "Requests and errors",
        "Latency (ms)",
        "Messages",
        "Failures and dead letters",
        "Lag of deliveries (s)",
        "Oldest message (s)",
        "Queues: messages",
        "Queues: oldest message (s)",
        "Functions: at once",
        "Functions: throttles and errors",
        "Functions: duration, p99 (ms)",
        "Database: capacity (ACU)",
        "Database: connections",
        "Partitions past the retention",
        "Maintain",
        "The last failures",
    ]


@pytest.mark.parametrize(("title", "line"), LINES, ids=[f"{title}: {line[-1]['label']}" for title, line in LINES])
def test_a_line_is_a_metric_that_exists(title, line, emitted):
    namespace, metric, dimension, value, _ = line
    if namespace == "pgbroker":
        assert metric in emitted
        assert (dimension, value) == ("service", "Service")
    else:
        assert (namespace, metric, dimension) in SOURCES


def test_each_metric_of_the_broker_is_shown(emitted):
    assert {line[1] for _, line in LINES if line[0] == "pgbroker"} == emitted


def test_each_metric_of_aws_in_the_list_is_used():
    of_alarms = {
        (stat["Namespace"], stat["MetricName"], stat["Dimensions"][0]["Name"])
        for alarm in watch.alarms().values()
        for stat in [
            alarm,
            *(each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each),
        ]
        if "MetricName" in stat
    }
    shown = {tuple(line[:3]) for _, line in LINES}
    assert SOURCES.keys() == {each for each in of_alarms | shown if each[0] != "pgbroker"}


@pytest.mark.parametrize(
    "parameters", [{}, {"Alarms": "off"}, {"Cluster": ""}], ids=["all", "no alarms", "own database"]
)
def test_no_widget_covers_another_and_no_row_is_empty(parameters):
    places = [
        (widget["y"] + row, widget["x"] + column)
        for widget in watch.dashboard(**parameters)["widgets"]
        for row, column in itertools.product(range(widget["height"]), range(widget["width"]))
    ]
    assert len(set(places)) == len(places)
    assert len(places) == 24 * (max(row for row, _ in places) + 1)


def test_the_database_is_shown_when_it_is_the_stacks_own():
    [text] = [each for each in watch.dashboard(Cluster="")["widgets"] if each["type"] == "text"]
    assert text["properties"]["markdown"].startswith("The database is not the stack's own")
    assert [line[3] for title, line in LINES if title.startswith("Database")] == [watch.DEFAULTS["Cluster"]] * 2


def test_the_states_of_all_alarms_are_at_the_top():
    shown = {arn.rpartition(":")[2] for arn in WIDGETS[0]["properties"]["alarms"]}
    assert shown == watch.alarms().keys()
    assert watch.dashboard(Alarms="off")["widgets"][0]["type"] == "text"


def test_the_bounds_of_alarms_are_drawn():
    drawn = {
        widget["properties"]["title"]: [each["value"] for each in widget["properties"]["annotations"]["horizontal"]]
        for widget in WIDGETS
        if "annotations" in widget["properties"]
    }
    alarms = watch.alarms()
    assert drawn == {
        "Oldest message (s)": [alarms["OldMessages"]["Threshold"]],
        "Queues: oldest message (s)": [alarms["DeliveryBehind"]["Threshold"]],
    }


def test_the_last_failures_are_a_query_of_the_page():
    query = WIDGETS[-1]["properties"]["query"]
    log, _, commands = query.partition(" | ")
    assert log == "SOURCE 'Log'"
    assert re.sub(r"\n\| ", " | ", PAGE).count(commands) == 1


def test_the_query_finds_what_the_code_logs(written, log_lines):
    fields = {name for line in written for name in line}
    assert {"route", "status", "request_id", "failures"} <= fields
    failures = [failure for line in written for failure in line.get("failures", [])]
    assert {"subscription", "status", "reason"} <= failures[0].keys()


def test_the_picture_is_of_the_dashboard_of_today():
    assert program.PICTURE.read_text() == picture.draw(watch.dashboard()), "run python -m scripts.dashboard"
    assert f"]({program.PICTURE.name})" in PAGE


def test_the_picture_has_each_widget_and_each_line():
    drawn = program.PICTURE.read_text()
    for title in titles(WIDGETS):
        assert f">{title}</text>" in drawn
    assert drawn.count("<polyline") == len(LINES)


def test_the_made_up_day_has_a_shape_for_each_line_and_no_other():
    labels = {line[-1]["label"] for _, line in LINES}
    assert series.SHAPES.keys() == labels
    assert set(series.SHAPES_BY_TITLE) <= {(title, line[-1]["label"]) for title, line in LINES}


def test_cloudwatch_takes_the_dashboard(aws):
    client = boto3.client("cloudwatch", region_name="us-east-1")
    for parameters in ({}, {"Alarms": "off", "Cluster": ""}):
        body = json.dumps(watch.dashboard(**parameters))
        answer = client.put_dashboard(DashboardName="pgbroker", DashboardBody=body)
        assert answer.get("DashboardValidationMessages", []) == []
