"""The broker's stack in an AWS account, as CloudFormation, Secrets Manager and the SAM CLI know it."""

import contextlib
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

ROOT = Path(__file__).parents[1]
SAM = ROOT / ".venv-sam" / "bin" / "sam"


class NotDeployed(Exception):
    """It did not work; the message says what to change."""


def _raise_unless(error: ClientError, code: str) -> None:
    if error.response["Error"]["Code"] != code:
        raise error


class Stack:
    """One stack of an account and region."""

    def __init__(self, name: str, profile: str | None) -> None:
        self.name = name
        self.profile = profile
        try:
            self._session = boto3.Session(profile_name=profile)
            if self._session.region_name is None:
                raise NotDeployed("no region is known: set AWS_REGION, or a region in the profile")
            account = self.client("sts").get_caller_identity()["Account"]
        except (BotoCoreError, ClientError) as error:
            raise NotDeployed(f"AWS does not know who you are: {error}") from error
        self.region: str = self._session.region_name
        self.place = f"account {account}, region {self.region}, stack {name}"

    def client(self, service: str) -> Any:
        return self._session.client(service)

    def sam(self, *arguments: str) -> int:
        """Run the SAM CLI, and return its exit status."""
        profile = ["--profile", self.profile] if self.profile else []
        region = ["--region", str(self._session.region_name)]
        return subprocess.run([SAM, *arguments, *profile, *region], cwd=ROOT, check=False).returncode  # noqa: S603

    def describe(self) -> Mapping[str, Any]:
        """What CloudFormation knows of the stack; empty when there is none. Raises NotDeployed when it does not say."""
        try:
            [found] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationError":
                return {}
            raise NotDeployed(f"CloudFormation does not describe the stack: {error}") from error
        return dict(found)

    @property
    def secret_name(self) -> str:
        return f"{self.name}/database"

    def store_url(self, url: str) -> str:
        """Store the database's URL as a secret, and return its ARN."""
        secrets = self.client("secretsmanager")
        try:
            arn: str = secrets.create_secret(Name=self.secret_name, SecretString=url)["ARN"]
        except (secrets.exceptions.ResourceExistsException, secrets.exceptions.InvalidRequestException):
            if "DeletedDate" in secrets.describe_secret(SecretId=self.secret_name):  # it is to be deleted in some days
                secrets.restore_secret(SecretId=self.secret_name)
            arn = secrets.put_secret_value(SecretId=self.secret_name, SecretString=url)["ARN"]
        return arn

    def read_secret(self, arn: str) -> str:
        value: str = self.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        return value

    def forget_url(self) -> None:
        """Delete the secret with the database's URL, if there is one."""
        secrets = self.client("secretsmanager")
        with contextlib.suppress(secrets.exceptions.ResourceNotFoundException):
            secrets.delete_secret(SecretId=self.secret_name, ForceDeleteWithoutRecovery=True)

    def managed_cluster(self) -> str | None:
        """The name of the stack's managed database; None when it has none."""
        nested = self._resource(self.name, "ManagedDatabase")
        return self._resource(nested, "Cluster") if nested else None

    def protects(self, cluster: str) -> bool:
        """Whether a managed database is protected from deletion; one that was deleted is not."""
        try:
            [found] = self.client("rds").describe_db_clusters(DBClusterIdentifier=cluster)["DBClusters"]
        except ClientError as error:
            _raise_unless(error, "DBClusterNotFoundFault")
            return False
        return bool(found["DeletionProtection"])

    def unprotect(self, cluster: str) -> None:
        """Let a managed database be deleted; one that was deleted already is left alone."""
        try:
            self.client("rds").modify_db_cluster(
                DBClusterIdentifier=cluster, DeletionProtection=False, ApplyImmediately=True
            )
        except ClientError as error:
            _raise_unless(error, "DBClusterNotFoundFault")

    def failure(self) -> str:
        """Say which resources failed and why, from the events of the stack and of those in it since its last change."""
        found = self.describe()
        reasons = self._reasons(self.name) if found else []
        if found.get("StackStatus") == "ROLLBACK_COMPLETE":
            reasons.append("the stack is empty now: `make undeploy` removes it, and then deploy again")
        if found.get("StackStatus") == "ROLLBACK_FAILED":
            reasons.append(
                "what was made could not be removed, as its managed database is protected: `make undeploy"
                " DELETE_DATABASE=1` removes it, and then deploy again"
            )
        return "\n".join(reasons)

    def _reasons(self, stack: str) -> list[str]:
        reasons: list[str] = []
        pages = self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        for event in (event for page in pages for event in page["StackEvents"]):
            reason = event.get("ResourceStatusReason", "")
            if reason == "User Initiated":
                break
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
                nested, itself = event.get("PhysicalResourceId", ""), event.get("StackId", "")
                if event.get("ResourceType") == "AWS::CloudFormation::Stack" and nested not in {"", itself}:
                    reasons[:0] = self._reasons(nested)
                reasons.insert(0, f"{event['LogicalResourceId']}: {reason}")
        return reasons

    def _resource(self, stack: str, name: str) -> str | None:
        """What CloudFormation calls a resource of a stack; None when there is no such one."""
        try:
            found = self.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise NotDeployed(f"CloudFormation does not describe the stack: {error}") from error
        detail = found["StackResourceDetail"]
        physical: str | None = detail.get("PhysicalResourceId")
        return None if detail["ResourceStatus"] == "DELETE_COMPLETE" else physical
