"""`make deploy-check`: answers of AWS that are checked against botocore's models, and a real broker behind the URL."""

import json
import re
import subprocess
import urllib.request

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from broker import setup
from scripts.deploy_check import __main__ as program
from scripts.deploy_check import account, database, logs, traffic, watched
from scripts.deploy_check.checks import CHECKS, FLOOD
from scripts.deploy_check.deployed import Deployed
from scripts.stack import Stack
from tests.deployment import resources, test_order
from tests.deployment.answers import (
    ANSWERS,
    CLUSTER,
    CONFIGURATION,
    ENDPOINT,
    EVENTS,
    LINE,
    NOW,
    WRITER,
    answer_from,
    capacity,
    described,
    event,
    listed,
    mapping,
)
from tests.support.client import ROOT, template

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/how-to/deploy-check.md"
LOGIN = "postgresql://functions:a-password@db/broker"


@pytest.fixture
def answers(monkeypatch, broker):
    """What AWS answers, by operation. A test changes it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    url, token = broker
    values = {
        "SetupSecret": {"admin_token": token, "token_keys": "the-keys", "functions_password": "a-password"},
        "LoginSecret": {"url": LOGIN},
    }
    with mock_aws():
        stack = Stack("pgbroker", None)
        create = stack.client("secretsmanager").create_secret
        arns = {name: create(Name=name, SecretString=json.dumps(value))["ARN"] for name, value in values.items()}
        outputs = {"Url": url, "SetupSecret": arns["SetupSecret"]}
        given = dict(ANSWERS)
        given["DescribeStacks"] = {"Stacks": [described(outputs)]}
        given["ListStackResources"] = listed(arns)
        given["stack"] = stack
        answer_from(stack, given)
        monkeypatch.setattr(program, "Stack", lambda *_: stack)
        yield given


@pytest.fixture
def look(answers):
    """Run one check by its name."""
    return lambda name: program.look(
        next(check for check in [*CHECKS, FLOOD] if check.name == name), Deployed(answers["stack"])
    )


def ask(broker, path):
    url, token = broker
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["items"]


@pytest.mark.slow
def test_a_stack_as_it_should_be_passes_every_check(answers, broker, capfd):
    before = [ask(broker, path) for path in ("/topics", "/tokens")]
    assert program.main([]) == 0
    shown, errors = capfd.readouterr()
    assert errors == ""
    found = dict(re.findall(r"^\| ([\w -]+) \| (yes|no|seen) \|", shown, re.MULTILINE))
    figures = {"cold starts": "seen", "wording": "seen", "resume": "seen", "sleep": "seen"}
    assert found == {check.name: figures.get(check.name, "yes") for check in CHECKS}
    assert f"| catch-up | yes | {traffic.BATCHES} x 202, in " in shown
    assert [ask(broker, path) for path in ("/topics", "/tokens")] == before
    assert not any(secret in shown for secret in (broker[1], "the-keys", "a-password"))


EARLY = [EVENTS[0], event("Dispatch", "UPDATE_IN_PROGRESS", 5), *EVENTS[3:]]
WRONG = [
    ("functions", "GetFunctionConfiguration", {**CONFIGURATION, "State": "Failed"}, "Publish: State is Failed"),
    ("functions", "GetFunctionConfiguration", {**CONFIGURATION, "Architectures": ["arm64"]}, "is ['arm64']"),
    ("order", "DescribeStackEvents", {"StackEvents": EARLY}, "Dispatch before Migrated"),
    ("recursion", "GetFunctionRecursionConfig", {"RecursiveLoop": "Terminate"}, "Deliver: Terminate"),
    ("recursion", "GetMetricStatistics", {"Datapoints": [{"Sum": 3.0, "Timestamp": NOW}]}, "dropped in a day: 6"),
    ("managed database", "DescribeDBClusters", {"DBClusters": [{**CLUSTER, "Status": "stopped"}]}, "Status is stopped"),
    (
        "managed database",
        "DescribeDBClusters",
        {"DBClusters": [{**CLUSTER, "DeletionProtection": False, "EngineVersion": "16.9"}]},
        "DeletionProtection is False; its version is 16.9",
    ),
    (
        "managed database",
        "DescribeDBClusters",
        {"DBClusters": [{**CLUSTER, "MasterUserSecret": {"SecretArn": "arn"}}]},
        "the administrator has a password",
    ),
    (
        "managed database",
        "DescribeDBInstances",
        {"DBInstances": [{**WRITER, "PubliclyAccessible": True}]},
        "the writer has a public address",
    ),
    ("endpoint of SQS", "DescribeVpcEndpoints", {"VpcEndpoints": [{**ENDPOINT, "State": "pending"}]}, "it is pending"),
    (
        "endpoint of SQS",
        "DescribeVpcEndpoints",
        {"VpcEndpoints": [{**ENDPOINT, "PolicyDocument": '{"Statement": [{"Action": "*", "Resource": "*"}]}'}]},
        "it allows * on *",
    ),
    ("event sources", "ListEventSourceMappings", {"EventSourceMappings": []}, "Dispatch has 0 queues"),
    ("event sources", "ListEventSourceMappings", mapping("Dispatch", State="Disabled"), "State is Disabled"),
    ("event sources", "ListEventSourceMappings", mapping("Dispatch"), "Deliver: MaximumConcurrency is 8, not 32"),
    (
        "concurrency",
        "GetAccountSettings",
        {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}},
        "10 of the account's 10 executions are not reserved; needed: 50",
    ),
    ("throttle", "GetStage", {"StageName": "$default"}, "ThrottlingRateLimit None"),
    (
        "logs",
        "FilterLogEvents",
        lambda given: {"events": [LINE] if traffic.MARK in given["filterPattern"] or "Publish" in str(given) else []},
        "logs with content: Broadcast, Console, Consume",
    ),
    ("logs", "FilterLogEvents", {"events": []}, "lines of Publish: 0"),
    ("metrics", "GetMetricStatistics", {"Datapoints": [{"Sum": 19.0, "Timestamp": NOW}]}, "Delivered 19"),
    ("metrics", "GetMetricStatistics", {"Datapoints": []}, "Delivered 0"),
    ("alarms", "DescribeAlarms", {"MetricAlarms": []}, "none"),
    (
        "alarms",
        "DescribeAlarms",
        lambda given: {
            "MetricAlarms": [{"AlarmName": each, "StateValue": "ALARM"} for each in given["AlarmNames"][:1]]
        },
        "1 x ALARM: DeadLetters",
    ),
]


@pytest.mark.parametrize(
    ("name", "operation", "answer", "seen"), WRONG, ids=[f"{name}: {seen}" for name, _, _, seen in WRONG]
)
def test_what_is_not_as_expected_is_named(look, answers, monkeypatch, name, operation, answer, seen):
    monkeypatch.setattr(logs, "LINES_SECONDS", 0)
    monkeypatch.setattr(watched, "METRIC_SECONDS", 0)
    answers[operation] = answer
    finding = look(name)
    assert finding.is_expected is False
    assert seen in finding.seen


def test_a_secret_that_setup_has_not_written_is_named_without_what_it_holds(look, answers):
    secrets = answers["stack"].client("secretsmanager")
    secrets.put_secret_value(SecretId="LoginSecret", SecretString="{}")
    secrets.put_secret_value(SecretId="SetupSecret", SecretString='{"admin_token": "a-token", "token_keys": ""}')
    finding = look("secrets")
    assert finding.is_expected is False
    assert finding.seen == "SetupSecret has no functions_password, token_keys; LoginSecret has no url"


def test_a_change_that_does_not_migrate_has_no_order(look, answers):
    answers["DescribeStackEvents"] = {
        "StackEvents": [each for each in EVENTS if each["LogicalResourceId"] != "Migrated"]
    }
    assert look("order").is_expected is None


def test_a_database_that_sleeps_is_timed_until_it_answers(look, answers):
    answers["GetMetricStatistics"] = capacity(0.5, 0.0)
    finding = look("resume")
    assert finding.is_expected is True
    assert re.fullmatch(r"asleep; after \d s 200, after 0 x another answer", finding.seen)


def test_a_database_that_does_not_resume_is_not_expected(look, answers, monkeypatch):
    monkeypatch.setattr(database, "RESUME_SECONDS", 0)
    monkeypatch.setattr(traffic, "ask", lambda *_: (503, None))
    answers["GetMetricStatistics"] = capacity(0.0)
    finding = look("resume")
    assert (finding.is_expected, finding.seen) == (False, "asleep; after 0 s 503, after 0 x another answer")


def test_the_share_of_a_day_that_a_database_sleeps_is_a_figure(look, answers):
    answers["GetMetricStatistics"] = capacity(0.0, 0.0, 0.0, 1.5)
    assert look("sleep").seen == "asleep for 75% of a day; at most 1.5 units"


@pytest.mark.parametrize("name", ["managed database", "endpoint of SQS", "resume", "sleep"])
def test_of_a_database_of_your_own_nothing_is_expected(look, answers, name):
    here = answers["ListStackResources"]({"StackName": "pgbroker"})["StackResourceSummaries"]
    own = [each for each in here if each["LogicalResourceId"] != "ManagedDatabase"]
    answers["ListStackResources"] = {"StackResourceSummaries": own}
    finding = look(name)
    assert (finding.is_expected, finding.seen) == (None, "the database is your own")


def test_alarms_that_are_off_are_not_looked_at(look, answers):
    answers["DescribeStacks"]["Stacks"][0]["Parameters"] = [{"ParameterKey": "Alarms", "ParameterValue": "off"}]
    assert look("alarms").is_expected is None


def test_what_a_loop_that_was_ended_leaves_is_not_expected():
    ended = traffic.judge([{"status": 202, "reason": None}] * 16, 120)
    assert (ended.is_expected, ended.seen) == (False, "16 x 202, in 120 s")


def test_a_certificate_that_deliver_refuses_is_shown():
    reason = "the certificate was refused: unable to get local issuer certificate"
    refused = traffic.judge([{"status": None, "reason": reason}], 120)
    assert (refused.is_expected, refused.seen) == (False, f"1 x {reason}, in 120 s")


@pytest.mark.slow
def test_a_right_that_is_missing_is_a_finding_with_what_to_do(answers, capfd):
    denied = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}
    answers["GetAccountSettings"] = ClientError(denied, "GetAccountSettings")
    assert program.main([]) == 1
    shown = capfd.readouterr().out
    assert "| concurrency | no | it could not be looked at: ClientError: An error occurred (AccessDenied" in shown
    assert (
        "\nconcurrency: expected is that 50 are left: 40 for pushes, 10 for requests. Ask for a higher quota" in shown
    )


def test_a_stack_that_is_not_there_is_named(answers, capfd):
    answers["DescribeStacks"] = ClientError({"Error": {"Code": "ValidationError", "Message": "no"}}, "DescribeStacks")
    assert program.main([]) == 1
    assert capfd.readouterr().err == "there is no stack pgbroker: make deploy makes it\n"


@pytest.mark.parametrize(
    "line",
    [
        "REPORT RequestId: 1 Duration: 9 ms Memory Size: 512 MB Init Duration: 312.40 ms\t",
        '{"type": "platform.report", "record": {"metrics": {"durationMs": 9, "initDurationMs": 312.4}}}',
    ],
    ids=["text", "json"],
)
def test_a_cold_start_is_read_from_either_form_of_a_log(look, answers, line):
    answers["FilterLogEvents"] = lambda given: {"events": [{"message": line}] if "Consume" in str(given) else []}
    assert look("cold starts").seen == "Consume 312 ms (1)"


def test_a_flood_is_counted_by_what_was_answered(look, monkeypatch):
    monkeypatch.setattr(traffic, "FLOOD", 60)
    monkeypatch.setattr(traffic, "FLOOD_CLIENTS", 3)
    assert look("flood").seen == "60 x 200"


def test_the_checks_expect_what_the_template_says():
    found = resources.resources()
    mappings = [each["Properties"] for each in found.values() if each["Type"] == "AWS::Lambda::EventSourceMapping"]
    executions = {
        next(iter(resources.named(each["FunctionName"]))): each["ScalingConfig"]["MaximumConcurrency"]
        for each in mappings
    }
    assert executions == account.EXECUTIONS
    [stage] = [each["Properties"] for each in found.values() if each["Type"] == "AWS::ApiGatewayV2::Stage"]
    assert stage["DefaultRouteSettings"] == account.THROTTLE
    cluster = template("infrastructure/database.yaml")["Resources"]["Cluster"]["Properties"]
    assert (cluster["EngineVersion"], cluster["Engine"]) == (database.VERSION, CLUSTER["Engine"])
    assert (account.BEFORE, account.WITHOUT_DATABASE) == (test_order.BEFORE, test_order.WITHOUT_DATABASE)
    assert account.SECRETS["SetupSecret"] == setup.Secrets.__annotations__.keys()


def test_the_page_lists_each_check():
    page = PAGE.read_text()
    for check in [*CHECKS, FLOOD]:
        assert f"| {check.name} | {check.looks_at} | {check.expects} | {check.otherwise} |" in page
        assert f"\n| {check.name} | | |\n" in page


def test_make_gives_its_variables_to_the_program():
    command = ["make", "-n", "deploy-check", "CONFIG=prod", "STACK=mine", "PROFILE=me", "FLOOD=1"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m scripts.deploy_check --config prod --stack mine --profile me --flood" in " ".join(said.split())
