"""An AWS account in moto, to which the expanded template is deployed: its queues, roles, secrets and functions."""

import ast
import contextlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from moto import mock_aws
from moto.iam.access_control import IAMPolicy, PermissionResult

from tests.deployment import resources
from tests.support.aurora import HOST

REGION = "us-east-1"
STACK = "pgbroker"
SECRET = "AWS::SecretsManager::Secret"
MANAGED_POLICY = "AWS::IAM::ManagedPolicy"
OUTPUTS = {"Host": HOST, "ResourceId": "cluster-ABC", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupId": "sg-1"}
LOGINS = {
    login: f"arn:aws:rds-db:{REGION}:123456789012:dbuser:{OUTPUTS['ResourceId']}/{login}"
    for login in ("administrator", "broker_functions_pgbroker")
}
NOT_IN_MOTO = {
    SECRET,
    MANAGED_POLICY,
    "AWS::CloudFormation::Stack",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",  # moto has it, and would give messages to its own functions
    "AWS::Lambda::Permission",
    "Custom::Migrated",
}


@cache
def client(service: str) -> Any:
    """The client of all tests: botocore reads megabytes of JSON for each."""
    return boto3.client(service, region_name=REGION)


@dataclass(frozen=True)
class Account:
    names: Mapping[str, str]  # what CloudFormation calls each resource
    arns: Mapping[str, str]  # of the queues, functions, secrets and logins; `Owner` is the secret of the owner's URL
    _policies: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def role_of(self, function: str) -> str:
        """The name of a function's role."""
        [role] = resources.named(resources.functions()[function]["Role"])
        return self.names[role]

    def policies(self, function: str) -> list[dict[str, Any]]:
        """The statements of a function's role, read once: a test may ask for hundreds of rights."""
        if function not in self._policies:
            self._policies[function] = self._read_policies(function)
        return self._policies[function]

    def _read_policies(self, function: str) -> list[dict[str, Any]]:
        role, iam = self.role_of(function), client("iam")
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
        return [statement for document in documents for statement in document["Statement"]]

    def environment(self, function: str) -> dict[str, str]:
        """The environment variables of a function."""
        found = client("lambda").get_function_configuration(FunctionName=self.names[function])
        return {variable: str(value) for variable, value in found["Environment"]["Variables"].items()}

    def permits(self, function: str, action: str, resource: str) -> bool:
        """Whether IAM lets a function do something to a resource of the stack."""
        policy = IAMPolicy({"policy_document": json.dumps({"Statement": self.policies(function)})})
        return bool(policy.is_action_permitted(action, self.arns[resource]) == PermissionResult.PERMITTED)


@contextlib.contextmanager
def deployed(owner_url: str = "postgresql://o@db/b", *, host: str = HOST, **parameters: str) -> Iterator[Account]:
    """Deploy the expanded template without its API, its custom resource and its stacks, which moto does not have.

    With `Database="managed"` the managed database is at `host`.
    """
    with mock_aws(config={"lambda": {"use_docker": False}}):
        secret = _make_secret("owner", owner_url)
        secrets = {name: _make_secret(name) for name, each in resources.resources().items() if each["Type"] == SECRET}
        _upload_code()
        template = _for_moto(secrets, {**OUTPUTS, "Host": host})
        given = {"Database": secret, **parameters}
        client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(template),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        found = client("cloudformation").list_stack_resources(StackName=STACK)["StackResourceSummaries"]
        names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found} | secrets
        _rewrite_policies(names)
        yield Account(names, {**_arns(names), **secrets, **LOGINS, "Owner": secret})


def _arns(names: Mapping[str, str]) -> dict[str, str]:
    arns = {}
    for name, resource in resources.resources().items():
        if resource["Type"] == "AWS::SQS::Queue":
            found = client("sqs").get_queue_attributes(QueueUrl=names[name], AttributeNames=["QueueArn"])
            arns[name] = found["Attributes"]["QueueArn"]
        elif resource["Type"] == "AWS::Lambda::Function":
            found = client("lambda").get_function(FunctionName=names[name])
            arns[name] = found["Configuration"]["FunctionArn"]
        elif resource["Type"] == "AWS::Logs::LogGroup":
            arns[name] = f"arn:aws:logs:{REGION}:123456789012:log-group:{names[name]}"
    return arns


def _upload_code() -> None:
    """moto wants the code of functions and layers in a bucket; what is in it does not matter."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", "")
    client("s3").create_bucket(Bucket="local")
    contents = [each["Code"] for each in resources.functions().values()]
    contents += [
        each["Properties"]["Content"]
        for each in resources.resources().values()
        if each["Type"] == "AWS::Lambda::LayerVersion"
    ]
    for content in contents:
        client("s3").put_object(Bucket="local", Key=content["S3Key"], Body=archive.getvalue())


def _make_secret(name: str, value: str = "{}") -> str:
    return str(client("secretsmanager").create_secret(Name=name, SecretString=value)["ARN"])


def _for_moto(secrets: Mapping[str, str], outputs: Mapping[str, str]) -> dict[str, Any]:
    """The template with the secrets that exist already, and without what moto's CloudFormation does not know."""
    text = json.dumps(resources.expanded()).replace('{"Fn::GetAtt": ["Migrated", "TokenKeys"]}', '"key"')
    for name, arn in secrets.items():
        text = text.replace(json.dumps({"Ref": name}), json.dumps(arn))
    for name, value in outputs.items():
        text = text.replace(json.dumps({"Fn::GetAtt": ["ManagedDatabase", f"Outputs.{name}"]}), json.dumps(value))
        text = text.replace(f"${{ManagedDatabase.Outputs.{name}}}", value)
    template: dict[str, Any] = json.loads(text)
    for role in (each["Properties"] for each in template["Resources"].values() if each["Type"] == "AWS::IAM::Role"):
        _put_inside(role, template["Resources"])
    kept = {
        name: {key: value for key, value in each.items() if key != "DependsOn"}
        for name, each in template["Resources"].items()
        if each["Type"] not in NOT_IN_MOTO
    }
    return {"Parameters": template["Parameters"], "Conditions": template["Conditions"], "Resources": kept}


def _put_inside(role: dict[str, Any], found: Mapping[str, Any]) -> None:
    """Make the stack's managed policies those of a role: moto takes them as JSON text, in which nothing is resolved."""
    attached = [name for each in role.pop("ManagedPolicyArns", []) for name in resources.named(each)]
    role.setdefault("Policies", []).extend(
        {"PolicyName": name, "PolicyDocument": found[name]["Properties"]["PolicyDocument"]} for name in attached
    )


def _rewrite_policies(names: Mapping[str, str]) -> None:
    """moto keeps the policies of a template as Python text, and evaluates those that are JSON."""
    iam = client("iam")
    for name, resource in resources.resources().items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in iam.list_role_policies(RoleName=names[name])["PolicyNames"]:
                document = iam.get_role_policy(RoleName=names[name], PolicyName=policy)["PolicyDocument"]
                statements = [each for each in ast.literal_eval(document)["Statement"] if each]  # NoValue is None there
                written = json.dumps({"Version": "2012-10-17", "Statement": statements})
                iam.put_role_policy(RoleName=names[name], PolicyName=policy, PolicyDocument=written)
