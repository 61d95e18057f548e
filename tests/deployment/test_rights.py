"""What IAM lets each function do: the expanded template, deployed to moto."""

import pytest

from tests.deployment import account, resources

RECEIVE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
SEND = "sqs:SendMessage"
READ = "secretsmanager:GetSecretValue"
WRITE = "secretsmanager:PutSecretValue"
INVOKE = "lambda:InvokeFunction"
OTHERS = ("sqs:PurgeQueue", "sqs:DeleteQueue", "sqs:SetQueueAttributes", "lambda:UpdateFunctionCode")
ACTIONS = (*RECEIVE, SEND, READ, WRITE, INVOKE, "secretsmanager:DeleteSecret", *OTHERS)
TARGETS = {"sqs": ["DispatchQueue", "DeliveryQueue"], "secretsmanager": ["Owner", "SetupSecret", "LoginSecret"]}
NOTIFY = {(SEND, "DispatchQueue"), (READ, "LoginSecret")}

EXPECTED = {
    "Publish": NOTIFY,
    "Subscribe": NOTIFY,
    "Broadcast": NOTIFY,
    "Manage": NOTIFY,
    "Consume": {(READ, "LoginSecret")},
    "Migrate": {(READ, "Owner"), (READ, "LoginSecret")},
    "Maintain": NOTIFY | {(READ, "Owner")},
    "Dispatch": NOTIFY | {(SEND, "DeliveryQueue")} | {(action, "DispatchQueue") for action in RECEIVE},
    "Deliver": {(SEND, "DispatchQueue")} | {(action, "DeliveryQueue") for action in RECEIVE},
    "Setup": {
        (INVOKE, "Migrate"),
        (INVOKE, "Maintain"),
        *((action, secret) for action in (READ, WRITE) for secret in ("SetupSecret", "LoginSecret")),
    },
}


@pytest.fixture(scope="module")
def deployed():
    with account.deployed() as found:
        yield found


def targets(action):
    service = action.partition(":")[0]
    return TARGETS.get(service, sorted(resources.functions()))


def test_every_function_is_looked_at():
    assert EXPECTED.keys() == resources.functions().keys()


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_function_may_do_what_it_needs_and_nothing_else(deployed, function):
    permitted = {
        (action, target)
        for action in ACTIONS
        for target in targets(action)
        if deployed.permits(function, action, target)
    }
    assert permitted == EXPECTED[function]


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_no_right_is_for_all_resources(deployed, function):
    for statement in deployed.policies(function):
        assert statement["Resource"] not in ("*", ["*"])


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_role_has_the_policy_for_its_log_and_no_other_of_aws(deployed, function):
    attached = account.client("iam").list_attached_role_policies(RoleName=deployed.role_of(function))
    names = {each["PolicyName"] for each in attached["AttachedPolicies"]}
    assert names <= {"AWSLambdaBasicExecutionRole", "AWSLambdaVPCAccessExecutionRole"}
