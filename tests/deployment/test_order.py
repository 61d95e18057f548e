"""The order in which CloudFormation makes and changes what template.yaml describes."""

from broker import setup
from tests.deployment import resources

BEFORE = {"Migrate", "Maintain", "Setup"}  # they bring the schema up to date
WITHOUT_DATABASE = {"Console", "Deliver"}


def test_the_schema_is_up_to_date_before_a_function_that_uses_it_changes():
    users = resources.functions().keys() - BEFORE - WITHOUT_DATABASE
    assert users == {"Publish", "Consume", "Subscribe", "Broadcast", "Manage", "Dispatch"}
    for function in users:
        assert "Migrated" in resources.needs(function), function


def test_the_functions_that_migrate_are_changed_before_the_schema():
    assert resources.needs("Migrated") >= BEFORE
    for function in BEFORE:
        assert "Migrated" not in resources.needs(function), function


def test_new_code_migrates_again():
    [layer] = (name for name, each in resources.resources().items() if each["Type"] == "AWS::Lambda::LayerVersion")
    assert resources.resources()["Migrated"]["Properties"]["Layer"] == {"Ref": layer}


def test_nothing_needs_itself():
    for name in resources.resources():
        assert name not in resources.needs(name), name


def test_setup_has_more_time_than_what_it_waits_for():
    functions = resources.functions()
    answer = resources.resources()["Migrated"]["Properties"]["ServiceTimeout"]
    assert functions["Migrate"]["Timeout"] < functions["Setup"]["Timeout"] < answer


def test_setup_knows_how_many_executions_the_template_allows():
    functions = resources.functions()
    [dispatch] = (
        each["Properties"]["ScalingConfig"]["MaximumConcurrency"]
        for each in resources.resources().values()
        if each["Type"] == "AWS::Lambda::EventSourceMapping"
        and resources.named(each["Properties"]["FunctionName"]) == {"Dispatch"}
    )
    assert dispatch == setup.DISPATCH_EXECUTIONS
    assert sum("ReservedConcurrentExecutions" in each for each in functions.values()) == setup.API_FUNCTIONS


def test_what_asks_the_internet_is_in_no_subnet():
    apart = {name for name, each in resources.functions().items() if "VpcConfig" not in each}
    assert apart == {"Console", "Setup", "Deliver"}
