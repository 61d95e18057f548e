"""Each line of metrics follows CloudWatch's embedded metric format, and no user can make it dear."""

import json
import time

import jsonschema

from broker import telemetry
from tests.deployment import resources
from tests.support.client import ROOT, template
from tests.watch.conftest import metrics

SCHEMA = json.loads((ROOT / "tests/watch/emf.schema.json").read_text())
MAX_EVENT = 256 * 1024  # bytes of a log event
MAX_VALUES = 100  # of a metric in a line


def test_the_schema_of_the_format_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_each_line_is_of_the_format(written):
    for line in written:
        jsonschema.validate(line, SCHEMA)


def test_each_metric_of_a_line_has_its_values(written):
    for line in written:
        for value in metrics(line).values():
            values = value if isinstance(value, list) else [value]
            assert 0 < len(values) <= MAX_VALUES
            assert all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)


def test_the_time_of_a_line_is_in_milliseconds(written):
    # CloudWatch takes what is at most two weeks old and two hours ahead
    assert all(abs(line["_aws"]["Timestamp"] / 1000 - time.time()) < 3600 for line in written)


def test_the_service_is_the_only_dimension(written):
    for line in written:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("pgbroker", [["service"]])
        assert line["service"] == telemetry._logger.service  # POWERTOOLS_SERVICE_NAME when it was imported


def test_each_stack_is_a_service_of_its_own():
    environments = [template()["Globals"]["Function"]]
    environments += [
        each["Properties"]
        for each in template()["Resources"].values()
        if "Environment" in (each.get("IgnoreGlobals") or []) and "Layers" not in each["IgnoreGlobals"]
    ]
    assert {each["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for each in environments} == {"AWS::StackName"}


def test_lambda_drops_no_line_of_metrics():
    """A line of JSON without a level counts as INFO, and Lambda drops what is below the level that is set.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    for name, function in resources.functions().items():
        assert function["LoggingConfig"].get("ApplicationLogLevel", "INFO") in {"TRACE", "DEBUG", "INFO"}, name


def test_the_code_emits_each_metric_that_has_a_unit(emitted):
    assert emitted == telemetry.UNITS.keys()


def test_each_function_behind_http_writes_one_line_for_each_request(client, lines):
    for target in ("/", "/topics", "/topics/nowhere"):
        client.get(target)
        [line] = lines()
        assert "Duration" in metrics(line)


def test_a_line_is_short_however_much_is_counted(lines):
    for number in range(1000):
        telemetry.count_failure(subscription=str(number), reason="x" * 200)
        telemetry.count_lag(number / 7)
    telemetry.log_step("dispatch", "id")
    [line] = lines()
    assert len(line["Lag"]) == MAX_VALUES
    assert (len(line["failures"]), line["Failed"]) == (5, 1000)
    assert len(json.dumps(line)) < 4096 < MAX_EVENT
