"""The network of a managed database: who is in it, what reaches what, and that nothing wakes the database by itself."""

import re

import pytest

from broker.schema import verbs
from tests.deployment import resources
from tests.support.client import ROOT, template
from tests.test_architecture import imported_modules, reached

DATABASE = template("infrastructure/database.yaml")
HERE = DATABASE["Resources"]
FUNCTIONS_GROUP, DATABASE_GROUP, SQS_GROUP = "FunctionsGroup", "DatabaseGroup", "SqsGroup"


def of_type(kind):
    return {name: each["Properties"] for name, each in HERE.items() if each["Type"] == kind}


def edges():
    """What may reach what, and at which ports: by the rules of both sides."""
    out = {
        (group, rule["DestinationSecurityGroupId"], rule["FromPort"], rule["ToPort"])
        for group, properties in of_type("AWS::EC2::SecurityGroup").items()
        for rule in properties["SecurityGroupEgress"]
        if "DestinationSecurityGroupId" in rule
    }
    into = {
        (rule["SourceSecurityGroupId"], rule["GroupId"], rule["FromPort"], rule["ToPort"])
        for rule in of_type("AWS::EC2::SecurityGroupIngress").values()
    }
    return out, into


def test_the_functions_reach_the_database_and_sqs_and_nothing_else_reaches_anything():
    out, into = edges()
    assert out == into == {(FUNCTIONS_GROUP, DATABASE_GROUP, 5432, 5432), (FUNCTIONS_GROUP, SQS_GROUP, 443, 443)}


@pytest.mark.parametrize("group", [DATABASE_GROUP, SQS_GROUP])
def test_the_other_groups_may_send_to_nobody(group):
    [rule] = HERE[group]["Properties"]["SecurityGroupEgress"]
    assert rule["CidrIp"] == "255.255.255.255/32"
    assert "SecurityGroupIngress" not in HERE[group]["Properties"]


def test_the_network_leads_nowhere_else():
    ways = ("InternetGateway", "NatGateway", "Route", "VPCGatewayAttachment", "TransitGatewayAttachment")
    assert not [name for name, each in HERE.items() if each["Type"].removeprefix("AWS::EC2::") in ways]
    assert len(of_type("AWS::EC2::Subnet")) == 2


def test_each_part_is_in_its_group():
    [endpoint] = of_type("AWS::EC2::VPCEndpoint").values()
    assert endpoint["SecurityGroupIds"] == [SQS_GROUP]
    assert len(endpoint["SubnetIds"]) == 1  # each zone has its price
    assert HERE["Cluster"]["Properties"]["VpcSecurityGroupIds"] == [DATABASE_GROUP]
    assert DATABASE["Outputs"]["SecurityGroupId"]["Value"] == FUNCTIONS_GROUP


def test_the_endpoint_lets_the_stacks_own_account_send_to_the_stacks_queues_and_no_more():
    [endpoint] = of_type("AWS::EC2::VPCEndpoint").values()
    [statement] = endpoint["PolicyDocument"]["Statement"]
    assert statement["Action"] == "sqs:SendMessage"
    assert statement["Resource"] == ["DispatchQueueArn", "DeliveryQueueArn"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "AWS::AccountId"}}


def test_what_logs_in_by_iam_is_in_the_network_and_what_asks_the_internet_is_not():
    inside = {name for name, each in resources.functions().items() if "VpcConfig" in each}
    for function in inside:
        managed, _ = resources.functions()[function]["VpcConfig"]["Fn::If"][1:]
        assert resources.named(managed) == {"ManagedDatabase"}
    assert inside == resources.functions().keys() - {"Console", "Deliver", "Setup"}


def test_no_function_in_the_network_names_a_secret_or_a_password():
    """With a managed database its URLs have a user and a host."""
    for name, function in resources.functions().items():
        for variable, value in function["Environment"]["Variables"].items():
            if variable.endswith("DATABASE_URL"):
                condition, managed, _ = value["Fn::If"]
                assert condition == "IsManaged"
                pattern = r"postgresql://(administrator|broker_functions_pgbroker)@\$\{ManagedDatabase\.Outputs\.Host\}/pgbroker"
                assert re.fullmatch(pattern, managed["Fn::Sub"]), name


def test_the_names_of_the_logins_are_those_of_the_database():
    cluster = HERE["Cluster"]["Properties"]
    url = resources.functions()["Migrate"]["Environment"]["Variables"]["OWNER_DATABASE_URL"]["Fn::If"][1]["Fn::Sub"]
    assert url.startswith(f"postgresql://{cluster['MasterUsername']}@")
    assert url.endswith(f"/{cluster['DatabaseName']}")
    assert cluster["MasterUserAuthenticationType"] == "iam-db-auth"
    assert cluster["EnableIAMDatabaseAuthentication"] is True


def test_the_database_is_encrypted_protected_kept_and_may_sleep():
    cluster = HERE["Cluster"]
    properties = cluster["Properties"]
    assert properties["StorageEncrypted"] is properties["DeletionProtection"] is True
    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert properties["ServerlessV2ScalingConfiguration"]["MinCapacity"] == 0
    assert properties["ServerlessV2ScalingConfiguration"]["SecondsUntilAutoPause"] == 300


def causes(function):
    """What invokes a function: the types of what refers to it. The stack Watch has only its name."""
    return {
        each["Type"]
        for name, each in resources.resources().items()
        if function in resources.named(each) and name not in {function, "Watch"}
    } - {"AWS::Lambda::Permission", "AWS::IAM::Role", "AWS::Lambda::Function", "AWS::Lambda::EventInvokeConfig"}


def users_of_the_database():
    files = {name: ROOT / "functions" / resources.folder(name) / "app.py" for name in resources.functions()}
    return {name for name, file in files.items() if "database" in reached(*imported_modules(file))}


def test_in_an_idle_stack_nothing_opens_a_connection_but_maintain_once_a_day():
    """Each function that can open one, and what invokes it: a request, a message, a deployment, or the clock."""
    [schedule] = (each["Properties"] for each in resources.resources().values() if each["Type"] == "AWS::Events::Rule")
    assert resources.named(schedule["Targets"]) == {"Maintain"}
    assert schedule["ScheduleExpression"] == "rate(1 day)"
    found = {name: causes(name) for name in users_of_the_database()}
    by_request = {"AWS::ApiGatewayV2::Api"}
    assert found.pop("Dispatch") == {"AWS::Lambda::EventSourceMapping"}
    assert found.pop("Maintain") == {"AWS::Events::Rule"}
    assert found.pop("Migrate") == set()  # Setup invokes it at a deployment
    assert {*map(frozenset, found.values())} == {frozenset(by_request)}
    assert found.keys() == {"Publish", "Consume", "Subscribe", "Broadcast", "Manage"}


def test_each_function_with_verbs_is_one_of_them():
    assert {name.lower() for name in users_of_the_database()} >= verbs.FUNCTIONS.keys()
