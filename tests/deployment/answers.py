"""What AWS answers about a stack that is as it should be, in the form of botocore's models."""

import json
import re
from datetime import UTC, datetime, timedelta

from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

from scripts.dashboard import watch
from scripts.deploy_check import account, logs
from tests.deployment import resources
from tests.support.client import template

NOW = datetime.now(UTC)
LINE = {"message": '{"route": "POST /topics/{topic}/messages", "status": 201}'}


def event(name, status, seconds, reason=""):
    return {
        "StackId": "1",
        "EventId": f"{name}-{status}",
        "StackName": "pgbroker",
        "LogicalResourceId": name,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "Timestamp": NOW + timedelta(seconds=seconds),
    }


EVENTS = [  # the newest first
    event("pgbroker", "UPDATE_COMPLETE", 9),
    event("Publish", "UPDATE_COMPLETE", 8),
    event("Publish", "UPDATE_IN_PROGRESS", 7),
    event("Migrated", "UPDATE_COMPLETE", 6),
    event("Migrated", "UPDATE_IN_PROGRESS", 4),
    event("Migrate", "UPDATE_COMPLETE", 3),
    event("Migrate", "UPDATE_IN_PROGRESS", 2),
    event("pgbroker", "UPDATE_IN_PROGRESS", 1, "User Initiated"),
    event("Publish", "CREATE_IN_PROGRESS", -100),
]
MAPPING = {"State": "Enabled", "FunctionResponseTypes": ["ReportBatchItemFailures"]}


def mapping(function, **changed):
    most = {"MaximumConcurrency": account.EXECUTIONS[function]}
    return {"EventSourceMappings": [{**MAPPING, "ScalingConfig": most, **changed}]}


def function_of(given):
    return re.fullmatch(r"pgbroker-(\w+)-1", given["FunctionName"])[1]


CONFIGURATION = {
    "Runtime": "python3.13",
    "Architectures": ["x86_64"],
    "State": "Active",
    "LastUpdateStatus": "Successful",
}
CLUSTER = {
    "Status": "available",
    "Engine": "aurora-postgresql",
    "EngineVersion": "17.5",
    "IAMDatabaseAuthenticationEnabled": True,
    "StorageEncrypted": True,
    "DeletionProtection": True,
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.0, "MaxCapacity": 4.0, "SecondsUntilAutoPause": 300},
}
WRITER = {"DBInstanceStatus": "available", "PubliclyAccessible": False}
ENDPOINT = {
    "State": "available",
    "PrivateDnsEnabled": True,
    "SubnetIds": ["subnet-1"],
    "PolicyDocument": json.dumps(
        {
            "Statement": [
                {
                    "Action": "sqs:SendMessage",
                    "Resource": [
                        f"arn:aws:sqs:us-east-1:1:pgbroker-{queue}-1" for queue in ("DispatchQueue", "DeliveryQueue")
                    ],
                }
            ]
        }
    ),
}


def capacity(*units):
    """What CloudWatch says of the capacity of the managed database, the last one last; of other metrics nothing."""
    points = [{"Timestamp": NOW + timedelta(minutes=5 * nth), "Maximum": each} for nth, each in enumerate(units)]
    points.reverse()  # CloudWatch sorts nothing
    return lambda given: {"Datapoints": points if given["MetricName"] == "ServerlessDatabaseCapacity" else []}


def statistics(other, *, delivered):
    """What CloudWatch says of the messages that were delivered; and `other`, of other metrics."""
    points = {"Datapoints": [{"Sum": float(delivered), "Timestamp": NOW}]}
    return lambda given: points if given["MetricName"] == "Delivered" else other(given)


# By operation: its answer, or what makes the answer of the arguments.
ANSWERS = {
    "GetFunctionConfiguration": CONFIGURATION,
    "GetFunctionRecursionConfig": {"RecursiveLoop": "Allow"},
    "GetMetricStatistics": statistics(capacity(0.0, 0.5), delivered=20),
    "DescribeDBClusters": {"DBClusters": [CLUSTER]},
    "DescribeDBInstances": {"DBInstances": [WRITER]},
    "DescribeVpcEndpoints": {"VpcEndpoints": [ENDPOINT]},
    "DescribeAlarms": lambda given: {
        "MetricAlarms": [{"AlarmName": each, "StateValue": "OK"} for each in given["AlarmNames"]]
    },
    "ListEventSourceMappings": lambda given: mapping(function_of(given)),
    "GetAccountSettings": {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}},
    "GetStage": {"StageName": "$default", "DefaultRouteSettings": account.THROTTLE},
    "DescribeStackEvents": {"StackEvents": EVENTS},
    "FilterLogEvents": lambda given: {"events": [LINE] if logs.ROUTE in given["filterPattern"] else []},
}


def described(outputs):
    return {
        "StackName": "pgbroker",
        "CreationTime": NOW,
        "StackStatus": "UPDATE_COMPLETE",
        "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
    }


def summary(name, arns, kind=None):
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": arns.get(name, f"pgbroker-{name}-1"),
        "ResourceType": kind or resources.resources()[name]["Type"],
        "LastUpdatedTimestamp": NOW,
        "ResourceStatus": "CREATE_COMPLETE",
    }


def listed(arns):
    """The resources of the stack, and of those of the managed database and of the alarms in it."""
    here = [summary(name, arns) for name in resources.resources()]
    kinds = {name: each["Type"] for name, each in template("infrastructure/database.yaml")["Resources"].items()}
    stacks = {
        "pgbroker": here,
        "pgbroker-ManagedDatabase-1": [summary(name, {}, kind) for name, kind in kinds.items()],
        "pgbroker-Watch-1": [summary(name, {}, "AWS::CloudWatch::Alarm") for name in watch.alarms()],
    }
    return lambda given: {"StackResourceSummaries": stacks[given["StackName"]]}


def answer_from(stack, answers):
    """Have each client of the stack answer so, in the form of AWS's models; moto answers what is not here."""

    def remember(params, context, **_):
        context["given"] = params

    def answer(model, context, **_):
        if model.name not in answers:
            return None
        found = answers[model.name]
        found = found(context["given"]) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        validate_parameters(found, model.output_shape)
        return AWSResponse("", 200, {}, None), found

    stack._session.events.register("before-parameter-build", remember)
    stack._session.events.register("before-call", answer)
