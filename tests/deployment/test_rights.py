"""What IAM lets each function do: the expanded template, deployed to moto."""

import pytest

from tests.deployment import account, resources

RECEIVE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
SEND = "sqs:SendMessage"
READ = "secretsmanager:GetSecretValue"
WRITE = "secretsmanager:PutSecretValue"
INVOKE = "lambda:InvokeFunction"
LOG_IN = "rds-db:connect"
LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
OTHERS = (
    "sqs:PurgeQueue",
    "sqs:DeleteQueue",
    "sqs:SetQueueAttributes",
    "lambda:UpdateFunctionCode",
    "logs:CreateLogGroup",
)
ACTIONS = (*RECEIVE, SEND, READ, WRITE, INVOKE, LOG_IN, *LOG, "secretsmanager:DeleteSecret", *OTHERS)
TARGETS = {
    "sqs": ["DispatchQueue", "DeliveryQueue", "LastResortQueue"],
    "secretsmanager": ["Owner", "SetupSecret", "LoginSecret"],
    "rds-db": sorted(account.LOGINS),
    "logs": ["Log"],
}
WRITE_LOG = {(action, "Log") for action in LOG}
RECEIVE_WAKE_UPS = {(action, "DispatchQueue") for action in RECEIVE}
NOTIFY = {(SEND, "DispatchQueue"), (READ, "LoginSecret")}
AS_FUNCTIONS, AS_OWNER = (LOG_IN, "broker_functions_pgbroker"), (LOG_IN, "administrator")

EXPECTED = {
    "Publish": NOTIFY,
    "Subscribe": NOTIFY,
    "Broadcast": NOTIFY,
    "Manage": NOTIFY,
    "Consume": {(READ, "LoginSecret")},
    "Migrate": {(READ, "Owner"), (READ, "LoginSecret")},
    "Maintain": NOTIFY | {(READ, "Owner"), (SEND, "LastResortQueue")},
    "Dispatch": NOTIFY | {(SEND, "DeliveryQueue")} | RECEIVE_WAKE_UPS,
    "Deliver": {(SEND, "DispatchQueue")} | {(action, "DeliveryQueue") for action in RECEIVE},
    "Console": set(),
    "Setup": {
        (INVOKE, "Migrate"),
        (INVOKE, "Maintain"),
        *((action, secret) for action in (READ, WRITE) for secret in ("SetupSecret", "LoginSecret")),
    },
}
LOGS_IN = {(READ, "LoginSecret"): AS_FUNCTIONS, (READ, "Owner"): AS_OWNER}


def with_managed_database(function):
    """With a managed database a login by IAM is in the place of a secret, except for Setup's own."""
    return {LOGS_IN.get(right, right) if function != "Setup" else right for right in EXPECTED[function]}


@pytest.fixture(scope="module", params=["your own database", "managed"])
def wanted(request):
    """The rights that each function should have, with both kinds of databases: `wanted(function)`."""
    return with_managed_database if request.param == "managed" else EXPECTED.__getitem__


@pytest.fixture(scope="module")
def deployed(wanted):
    with account.deployed(**{"Database": "managed"} if wanted is with_managed_database else {}) as found:
        yield found


def targets(action):
    service = action.partition(":")[0]
    return TARGETS.get(service, sorted(resources.functions()))


def test_every_function_is_looked_at():
    assert EXPECTED.keys() == resources.functions().keys()


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_function_may_do_what_it_needs_and_nothing_else(deployed, wanted, function):
    permitted = {
        (action, target)
        for action in ACTIONS
        for target in targets(action)
        if deployed.permits(function, action, target)
    }
    assert permitted == wanted(function) | WRITE_LOG


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_the_only_right_for_all_resources_is_to_be_in_a_network(deployed, wanted, function):
    everywhere = {
        action.partition(":")[0]
        for statement in deployed.policies(function)
        if statement["Resource"] in ("*", ["*"])
        for action in statement["Action"]
    }
    is_in_network = wanted is with_managed_database and function not in {"Console", "Deliver", "Setup"}
    assert everywhere == ({"ec2"} if is_in_network else set())


@pytest.mark.parametrize("function", sorted(EXPECTED))
def test_a_role_has_the_policies_of_the_stack_and_none_of_aws(function):
    [role] = resources.named(resources.functions()[function]["Role"])
    attached = resources.resources()[role]["Properties"]["ManagedPolicyArns"]
    assert all(each.keys() == {"Ref"} for each in attached)
    types = {resources.resources()[each["Ref"]]["Type"] for each in attached}
    assert types == {"AWS::IAM::ManagedPolicy"}
