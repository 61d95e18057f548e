"""`make deploy` and `make undeploy`: an account in moto, a stand-in of the SAM CLI, a real broker behind the URL."""

import json
import subprocess

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from scripts import deploy, stack
from tests.deployment import account, answers
from tests.support.client import ROOT

pytestmark = pytest.mark.slow

OWN = ["deploy", "--own-database"]
URL = "postgresql://owner:secret@db.example.com/broker?sslmode=verify-full"


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(deploy.shutil, "which", lambda name: f"/usr/bin/{name}")
    with mock_aws():
        yield


@pytest.fixture
def sam(monkeypatch, broker):
    """The commands that were given to the SAM CLI, whose `deploy` makes a stack with the outputs of the template."""
    commands = []

    def run(of, *arguments):
        commands.append(arguments)
        cloudformation = account.client("cloudformation")
        if arguments[0] == "deploy" and not of.describe():
            url, token = broker
            secret = account.client("secretsmanager").create_secret(
                Name="setup", SecretString=json.dumps({"admin_token": token})
            )["ARN"]
            overrides = arguments[arguments.index("--parameter-overrides") + 1 :]
            given = {name: value.strip('"') for name, value in (each.split("=", 1) for each in overrides)}
            template = {
                "Parameters": {name: {"Type": "String"} for name in given},
                "Resources": {"DispatchQueue": {"Type": "AWS::SQS::Queue"}},
                "Outputs": {"Url": {"Value": url}, "SetupSecret": {"Value": secret}},
            }
            cloudformation.create_stack(
                StackName=of.name,
                TemplateBody=json.dumps(template),
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            )
        elif arguments[0] == "delete":
            cloudformation.delete_stack(StackName=of.name)
        return 0

    monkeypatch.setattr(stack.Stack, "sam", run)
    return commands


@pytest.fixture
def asked(monkeypatch):
    """The answers to the question for the database's URL, of which none is left when all were asked for."""
    answers = [URL]
    monkeypatch.setattr(deploy.getpass, "getpass", lambda _: answers.pop(0))
    return answers


def secret(name):
    return account.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]


@pytest.mark.slow
def test_deploy_stores_the_url_and_ends_with_what_the_readme_needs(sam, asked, broker, capsys):
    assert deploy.main([*OWN, "--architecture", "arm64", "--parameters", "RetentionDays=7"]) == 0
    assert secret("pgbroker/database") == URL
    build, deployed = sam
    assert build[-1] == "Architecture=arm64"
    arn = account.client("secretsmanager").describe_secret(SecretId="pgbroker/database")["ARN"]
    assert {f'Database="{arn}"', 'Architecture="arm64"', 'RetentionDays="7"'} <= {*deployed}
    url, token = broker
    assert capsys.readouterr().out.endswith(f"published, and consumed\n\nexport BROKER={url}\nexport TOKEN={token}\n")


def test_deploy_takes_a_managed_database_and_asks_nothing(sam, asked, capsys):
    assert deploy.main(["deploy"]) == 0
    assert not any(each.startswith("Database=") for each in sam[-1])
    assert asked == [URL]
    assert "DATABASE=url is for one of your own" in capsys.readouterr().out


def test_a_stack_moves_to_a_database_of_ones_own_when_that_is_said(sam, asked):
    assert deploy.main(["deploy"]) == 0
    assert deploy.main(OWN) == 0
    assert secret("pgbroker/database") == URL
    assert any(each.startswith("Database=") for each in sam[-1])


def test_a_second_deploy_does_not_ask_again(sam, asked):
    assert deploy.main(OWN) == 0
    assert deploy.main(["deploy"]) == 0
    assert asked == []
    assert not any(each.startswith("Database=") for each in sam[-1])


def test_a_token_that_is_refused_is_not_tried_for_a_minute(broker, capsys):
    with pytest.raises(stack.NotDeployed, match="401"):
        deploy.check(broker[0], "brk_of_somebody_else")


def test_a_secret_that_is_about_to_be_deleted_is_taken_again(sam, asked):
    manager = account.client("secretsmanager")
    manager.create_secret(Name="pgbroker/database", SecretString="postgresql://of@an.earlier/stack")
    manager.delete_secret(SecretId="pgbroker/database", RecoveryWindowInDays=7)
    assert deploy.main(OWN) == 0
    assert secret("pgbroker/database") == URL


def test_the_url_is_never_shown(sam, asked, capfd):
    asked.insert(0, "mysql://owner:secret@db/broker")
    deploy.main(OWN)
    shown = "".join(capfd.readouterr())
    assert "it must begin with postgresql://" in shown
    assert "secret@" not in shown
    assert not any(URL in argument for command in sam for argument in command)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        (URL, None),
        ("mysql://o:p@db/b", "it must begin with postgresql://"),
        ("postgresql://o:pass/word@db/b", "in a password, write /"),
        ("postgresql://o:p[w@db/b", "[ is %5B"),
        ("postgresql://o:p\u2100w@db/b", "percent-encoded"),
        ("postgresql://o:p@ep-1-pooler.eu.aws.neon.tech/b", "without -pooler"),
    ],
)
def test_a_url_that_cannot_work_is_named(url, fault):
    found = deploy.url_fault(url)
    assert found is None if fault is None else fault in found


def test_deploy_gives_up_after_three_urls(sam, asked, capsys):
    asked[:] = ["a", "b", "c"]
    assert deploy.main(OWN) == 1
    assert "nothing is deployed" in capsys.readouterr().err
    assert sam == []


def test_undeploy_leaves_nothing_but_the_database(sam, asked, capsys):
    deploy.main(OWN)
    assert deploy.main(["undeploy"]) == 0
    assert account.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"] == []
    assert account.client("secretsmanager").list_secrets()["SecretList"][0]["Name"] == "setup"
    assert "DROP SCHEMA broker" in capsys.readouterr().out


def resource_of(given):
    """The resources of a stack with a managed database."""
    names = {
        ("pgbroker", "ManagedDatabase"): "arn:of-the-nested-one",
        ("arn:of-the-nested-one", "Cluster"): "pgbroker-1",
    }
    found = names[given["StackName"], given["LogicalResourceId"]]
    detail = {"LogicalResourceId": given["LogicalResourceId"], "PhysicalResourceId": found, "ResourceType": "a"}
    return {"StackResourceDetail": {**detail, "LastUpdatedTimestamp": answers.NOW, "ResourceStatus": "CREATE_COMPLETE"}}


class Asked(list):
    """What was asked of RDS. `failure`: what it answers."""

    failure = None


@pytest.fixture
def managed(monkeypatch):
    """A stack with a managed database; what is asked of RDS is kept."""
    asked_of_rds = Asked()
    real = stack.Stack.__init__

    def modify(given):
        asked_of_rds.append(given)
        return asked_of_rds.failure or {"DBCluster": {}}

    def init(of, *arguments):
        real(of, *arguments)
        clusters = {"DBClusters": [{"DBClusterIdentifier": "pgbroker-1", "DeletionProtection": True}]}
        rds = {"ModifyDBCluster": modify, "DescribeDBClusters": clusters}
        answers.answer_from(of, {"DescribeStackResource": resource_of, "DescribeStacks": {"Stacks": []}, **rds})
        monkeypatch.setattr(of, "describe", lambda: {"StackName": of.name})
        monkeypatch.setattr(of, "forget_url", lambda: None)

    monkeypatch.setattr(stack.Stack, "__init__", init)
    return asked_of_rds


def test_a_parameter_does_not_take_a_stack_from_a_protected_database_either(sam, managed, capsys):
    assert deploy.main(["deploy", "--parameters", "Database=arn:aws:secretsmanager:us-east-1:1:secret:mine"]) == 1
    assert "it is protected from deletion" in capsys.readouterr().err
    assert sam == []


def test_a_managed_database_is_refused_where_the_layer_cannot_verify_it(sam, monkeypatch, capsys):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "il-central-1")
    assert deploy.main(["deploy"]) == 1
    assert "no authority of Amazon RDS for il-central-1" in capsys.readouterr().err
    assert sam == []


def test_undeploy_can_be_repeated_when_the_database_is_deleted_already(sam, managed, monkeypatch):
    missing = ClientError({"Error": {"Code": "DBClusterNotFoundFault", "Message": "not found"}}, "ModifyDBCluster")
    managed.failure = missing
    assert deploy.main(["undeploy", "--delete-database"]) == 0
    assert [command[0] for command in sam] == ["delete"]


def test_a_resource_that_is_deleted_is_no_managed_database(monkeypatch):
    found = stack.Stack("pgbroker", None)
    gone = {**resource_of({"StackName": "pgbroker", "LogicalResourceId": "ManagedDatabase"})["StackResourceDetail"]}
    detail = {"StackResourceDetail": {**gone, "ResourceStatus": "DELETE_COMPLETE"}}
    answers.answer_from(found, {"DescribeStackResource": detail})
    assert found.managed_cluster() is None


def test_a_first_deployment_that_cannot_go_back_says_how_to_start_again():
    found = stack.Stack("pgbroker", None)
    described = {**answers.described({}), "StackStatus": "ROLLBACK_FAILED"}
    answers.answer_from(found, {"DescribeStacks": {"Stacks": [described]}, "DescribeStackEvents": {"StackEvents": []}})
    assert "`make undeploy DELETE_DATABASE=1` removes it" in found.failure()


def test_an_error_of_aws_is_a_line_and_no_traceback(sam, asked, monkeypatch, capsys):
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "CreateSecret")
    monkeypatch.setattr(stack.Stack, "store_url", lambda *_: (_ for _ in ()).throw(denied))
    assert deploy.main(OWN) == 1
    assert "not authorized" in capsys.readouterr().err


def test_undeploy_deletes_no_managed_database_by_itself(sam, managed, capsys):
    assert deploy.main(["undeploy"]) == 1
    assert "the managed database pgbroker-1, with its messages: `make undeploy DELETE" in capsys.readouterr().err
    assert sam == managed == []


def test_a_stack_is_not_taken_from_a_database_that_is_protected(sam, asked, managed, capsys):
    assert deploy.main(OWN) == 1
    assert "pgbroker-1, with its messages, and it is protected from deletion" in capsys.readouterr().err
    assert sam == []
    assert asked == [URL]


def test_undeploy_deletes_a_managed_database_when_that_is_said(sam, managed, capsys):
    assert deploy.main(["undeploy", "--delete-database"]) == 0
    assert managed == [{"DBClusterIdentifier": "pgbroker-1", "DeletionProtection": False, "ApplyImmediately": True}]
    assert [command[0] for command in sam] == ["delete"]
    assert "A snapshot of its database remains" in capsys.readouterr().out


@pytest.mark.parametrize("action", ["deploy", "undeploy"])
def test_a_stack_that_may_not_be_seen_is_not_taken_for_a_missing_one(action, sam, asked, monkeypatch, capsys):
    assert deploy.main(OWN) == 0
    asked.append("postgresql://owner:other@db/b")
    sam.clear()
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "DescribeStacks")
    real = stack.Stack.__init__

    def init(of, *arguments):
        real(of, *arguments)
        answers.answer_from(of, {"DescribeStacks": denied})

    monkeypatch.setattr(stack.Stack, "__init__", init)
    assert deploy.main([action]) == 1
    assert "not authorized" in capsys.readouterr().err
    assert secret("pgbroker/database") == URL
    assert sam == []


def test_the_reason_of_a_failure_is_found_behind_a_long_removal():
    events = [answers.event(f"Function{nth}", "DELETE_COMPLETE", 300 - nth) for nth in range(150)]
    events += [
        answers.event("Publish", "CREATE_FAILED", 3, "a sentence"),
        answers.event("pgbroker", "CREATE_IN_PROGRESS", 1, "User Initiated"),
        answers.event("Publish", "CREATE_FAILED", -9, "of an earlier attempt"),
    ]

    def page(given):
        first = int(given.get("NextToken", 0))
        rest = {"NextToken": str(first + 100)} if first + 100 < len(events) else {}
        return {"StackEvents": events[first : first + 100], **rest}

    found = stack.Stack("pgbroker", None)
    described = {**answers.described({}), "StackStatus": "ROLLBACK_COMPLETE"}
    answers.answer_from(found, {"DescribeStacks": {"Stacks": [described]}, "DescribeStackEvents": page})
    assert found.failure().splitlines()[0] == "Publish: a sentence"
    assert "earlier" not in found.failure()


@pytest.mark.slow
def test_the_reason_of_a_failure_is_found_in_a_nested_stack():
    nested = {"ResourceType": "AWS::CloudFormation::Stack", "PhysicalResourceId": "arn:nested"}
    events = {
        "pgbroker": [{**answers.event("ManagedDatabase", "CREATE_FAILED", 3, "Embedded stack failed"), **nested}],
        "arn:nested": [
            {
                **answers.event("nested", "CREATE_FAILED", 3, "The following failed: Cluster"),
                **nested,
                "StackId": "arn:nested",
            },
            answers.event("Cluster", "CREATE_FAILED", 2, "no such engine"),
        ],
    }
    found = stack.Stack("pgbroker", None)
    described = {**answers.described({}), "StackStatus": "ROLLBACK_COMPLETE"}
    answers.answer_from(
        found,
        {
            "DescribeStacks": {"Stacks": [described]},
            "DescribeStackEvents": lambda given: {"StackEvents": events[given["StackName"]]},
        },
    )
    assert "Cluster: no such engine" in found.failure().splitlines()


def test_each_environment_of_samconfig_has_its_stack():
    assert list(map(deploy.stack_name, ("default", "dev", "prod"))) == [
        "pgbroker",
        "pgbroker-dev",
        "pgbroker-prod",
    ]
    with pytest.raises(stack.NotDeployed, match="no test"):
        deploy.stack_name("test")


def test_the_architecture_stays_that_of_the_stack(sam, asked):
    deploy.main(["deploy", "--architecture", "arm64"])
    deploy.main(["deploy"])
    assert sam[-2][-1] == "Architecture=arm64"
    assert sam[-1][-1] == 'Architecture="arm64"'


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        ("RetentionDays=7  Options={}", {"RetentionDays": "7", "Options": "{}"}),
        ('Options={"setup": "a b"} Database=arn:x', {"Options": '{"setup": "a b"}', "Database": "arn:x"}),
    ],
)
def test_parameters_may_be_json(text, parameters):
    assert deploy.read_parameters(text) == parameters


def test_parameters_of_another_form_are_refused():
    with pytest.raises(stack.NotDeployed, match="must be Name=Value"):
        deploy.read_parameters("seven")


def test_make_gives_its_variables_to_the_program(tmp_path):
    command = ["make", "-n", "deploy", "CONFIG=prod", "STACK=mine", "PROFILE=me", "ARCHITECTURE=arm64", "DATABASE=url"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = (
        'deploy --config prod --stack mine --profile me --own-database --architecture arm64 --parameters "$PARAMETERS"'
    )
    assert wanted in " ".join(said.replace("\\\n", "").split())
