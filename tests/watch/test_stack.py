"""How template.yaml takes the alarms and the dashboard into its stack."""

import re

import pytest

from scripts.dashboard import watch
from tests.deployment import resources
from tests.support.client import ROOT

NESTED = resources.resources()["Watch"]
GIVEN = NESTED["Properties"]["Parameters"]
PATTERN = resources.expanded()["Parameters"]["Alarms"]["AllowedPattern"]


def test_it_is_a_nested_stack_of_the_template():
    assert NESTED["Type"] == "AWS::CloudFormation::Stack"
    assert ROOT / NESTED["Properties"]["TemplateURL"] == watch.FILE


def test_each_parameter_is_given():
    assert GIVEN.keys() == watch.read()["Parameters"].keys()


@pytest.mark.parametrize("name", sorted(GIVEN.keys() - {"Service", "Alarms", "Cluster"}))
def test_a_parameter_is_the_name_of_its_resource(name):
    if resources.resources()[name]["Type"] == "AWS::SQS::Queue":
        assert GIVEN[name] == {"Fn::GetAtt": [name, "QueueName"]}
    else:
        assert GIVEN[name] == {"Ref": name}


def test_the_service_is_the_name_of_the_stack_as_the_functions_have_it():
    assert GIVEN["Service"] == {"Ref": "AWS::StackName"}
    for name, function in resources.functions().items():
        if name == "Console":
            continue  # it has no layer, and counts nothing
        assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == GIVEN["Service"]


def test_the_database_is_watched_when_the_stack_has_made_it():
    condition, managed, other = GIVEN["Cluster"]["Fn::If"]
    assert (condition, managed, other) == ("IsManaged", {"Fn::GetAtt": ["ManagedDatabase", "Outputs.Cluster"]}, "")


def test_maintain_has_run_once_before_it_may_be_missed():
    assert NESTED["DependsOn"] == "Migrated"


@pytest.mark.parametrize("value", ["on", "off", "arn:aws:sns:eu-central-1:123456789012:on-call"])
def test_the_option_takes_a_word_or_a_topic(value):
    assert re.search(PATTERN, value)


@pytest.mark.parametrize("value", ["", "On", "yes", "a@example.com", "arn:aws:sqs:eu-central-1:123456789012:q"])
def test_the_option_takes_nothing_else(value):
    assert not re.search(PATTERN, value)


def test_the_alarms_are_on_by_default():
    assert resources.expanded()["Parameters"]["Alarms"]["Default"] == "on"
