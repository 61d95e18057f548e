"""`make deploy` and `make undeploy`: the broker in an AWS account, to a message there and back.

What is deployed is template.yaml, by the SAM CLI, with a managed database; or with one of your own, for whose URL this
program asks, and which it stores as a secret. At the end it sends a message through the new address.
"""

import argparse
import getpass
import json
import re
import shutil
import sys
import time
import tomllib
import urllib.request
from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from broker import authorities
from local.terminal import say
from scripts.stack import ROOT, NotDeployed, Stack

TOPIC = "pgbroker-deploy-check"
CHECK_SECONDS = 60  # a database that sleeps answers by then
TRIES = 3


def deploy(
    to: Stack, *, config: str, architecture: str | None, own_database: bool, parameters: Mapping[str, str]
) -> None:
    """Build, deploy, and send a message through the new address. Raises NotDeployed.

    Without an architecture it is that of the stack, and x86_64 of a new one. With a database of one's own it asks for
    its URL, and moves a stack to it that has another; else the stack keeps its own, and a new one has a managed one.
    """
    if shutil.which("python3.13") is None:
        raise NotDeployed("python3.13 is needed on PATH, because the functions run on it")
    known = {each["ParameterKey"]: each["ParameterValue"] for each in to.describe().get("Parameters", [])}
    given = dict(parameters)
    database = given.get("Database", known.get("Database", "managed"))
    if own_database or database != "managed":
        _refuse_to_leave(to)
    elif not authorities.has_region(to.region):
        raise NotDeployed(
            f"the layer has no authority of Amazon RDS for {to.region}, so no managed database can be reached there:"
            " deploy with DATABASE=url, or take another region"
        )
    if own_database:
        given["Database"] = to.store_url(ask_for_url())
    elif not known and database == "managed":
        say("with a managed database, which sleeps while nobody uses it; DATABASE=url is for one of your own")
    architecture = given["Architecture"] = architecture or known.get("Architecture", "x86_64")
    overrides = ["--parameter-overrides", *starmap(override, given.items())]
    if to.sam("build", "--config-env", config, "--parameter-overrides", f"Architecture={architecture}") != 0:
        raise NotDeployed("sam build failed")
    quiet = ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    if to.sam("deploy", "--config-env", config, "--stack-name", to.name, *quiet, *overrides) != 0:
        raise NotDeployed(f"sam deploy failed\n{to.failure()}")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in to.describe()["Outputs"]}
    token = json.loads(to.read_secret(outputs["SetupSecret"]))["admin_token"]
    check(outputs["Url"], token)
    say(f"\nexport BROKER={outputs['Url']}\nexport TOKEN={token}")


def _refuse_to_leave(stack: Stack) -> None:
    if (cluster := stack.managed_cluster()) and stack.protects(cluster):
        raise NotDeployed(
            f"the stack has the managed database {cluster}, with its messages, and it is protected from deletion:"
            " docs/how-to/move-the-database.md says how to move"
        )


def override(name: str, value: str) -> str:
    """Write a parameter as the SAM CLI reads it: JSON would end at its first quote."""
    return f'{name}="{value.replace(chr(34), chr(92) + chr(34))}"'


def read_parameters(text: str) -> dict[str, str]:
    """Read `Name=Value` and more of it, where a value may have spaces and quotes, as JSON does. Raises NotDeployed."""
    parts = re.split(r"\s+(?=[A-Za-z]+=)", text.strip()) if text.strip() else []
    if wrong := [part for part in parts if "=" not in part]:
        raise NotDeployed(f"PARAMETERS must be Name=Value, and more of it: {wrong[0]}")
    return dict(part.split("=", 1) for part in parts)


def ask_for_url() -> str:
    """Ask for the database's URL, which is not shown, until it looks like one. Raises NotDeployed."""
    for _ in range(TRIES):
        url = getpass.getpass("PostgreSQL URL of the database's owner (not shown): ").strip()
        if (fault := url_fault(url)) is None:
            return url
        say(fault)
    raise NotDeployed("without the database's URL nothing is deployed")


def url_fault(url: str) -> str | None:
    """Return what is wrong with a URL at first sight, without any part of it; None when it is good."""
    try:
        parts = urlsplit(url)
    except ValueError:  # its text may quote the password
        return "it cannot be read; in a password, write [ ] and what is not ASCII percent-encoded: [ is %5B"
    if parts.scheme not in {"postgresql", "postgres"}:
        return "it must begin with postgresql://"
    if "@" not in parts.netloc:
        return "it has no user before the host; in a password, write / ? # @ and % as %2F %3F %23 %40 and %25"
    if "-pooler." in (parts.hostname or ""):
        return "this is Neon's pooler: take the direct address, which is the same without -pooler"
    return None


def check(url: str, token: str) -> None:
    """Publish a message through a broker's address, and consume it. Raises NotDeployed."""
    say(f"sending a message through {url}")
    give_up = time.monotonic() + CHECK_SECONDS
    published = _post(f"{url}/topics/{TOPIC}/messages", token, {"content": "deployed"}, give_up)["id"]
    while time.monotonic() < give_up:
        request = {"max": 100, "auto_ack": True, "wait_seconds": 5}
        for message in _post(f"{url}/topics/{TOPIC}/consume", token, request, give_up)["messages"]:
            if message["id"] == published:
                say("published, and consumed")
                return
    raise NotDeployed(f"the message {published} was published and did not come back")


def _post(url: str, token: str, document: Mapping[str, object], give_up: float) -> Any:
    """Send a request again while the database wakes or the network fails. Raises NotDeployed."""
    request = urllib.request.Request(  # noqa: S310  the address is the stack's
        url, json.dumps(document).encode(), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return json.load(response)
        except OSError as error:
            refused = isinstance(error, HTTPError) and error.code in {401, 403}
            if refused or time.monotonic() > give_up:
                raise NotDeployed(f"{url} does not answer as it should: {error}") from error
        time.sleep(1)


def undeploy(of: Stack, *, delete_database: bool) -> None:
    """Delete the stack and the secret with the database's URL. Raises NotDeployed.

    A database of one's own keeps its schema. A managed one is deleted only when that is said, and a snapshot remains.
    """
    cluster = of.managed_cluster()
    if cluster and not delete_database:
        raise NotDeployed(
            f"the stack has the managed database {cluster}, with its messages: `make undeploy DELETE_DATABASE=1`"
            " deletes it too, and leaves a snapshot"
        )
    if cluster:
        of.unprotect(cluster)
        say("the network of the functions may take 20 to 40 minutes to be deleted")
    if of.describe() and of.sam("delete", "--stack-name", of.name, "--no-prompts") != 0:
        raise NotDeployed(f"sam delete failed\n{of.failure()}")
    of.forget_url()
    if cluster:
        say("the stack was deleted. A snapshot of its database remains: aws rds delete-db-cluster-snapshot removes it")
    else:
        say("the stack was deleted. The database keeps its messages: DROP SCHEMA broker CASCADE removes them")


def stack_name(config: str) -> str:
    """The stack's name in samconfig.toml. Raises NotDeployed."""
    environments = tomllib.loads((ROOT / "samconfig.toml").read_text())
    if config not in environments:
        raise NotDeployed(f"samconfig.toml has no {config}")
    name: str = environments[config]["global"]["parameters"]["stack_name"]
    return name


def main(arguments: Sequence[str]) -> int:
    """Return 0, or 1 when it failed; the reason is on standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["deploy", "undeploy"])
    parser.add_argument("--config", default="default", help="the environment in samconfig.toml")
    parser.add_argument("--stack", help="its name, instead of that in samconfig.toml")
    parser.add_argument("--profile", help="of the AWS CLI")
    parser.add_argument("--architecture", choices=["x86_64", "arm64"])
    parser.add_argument("--own-database", action="store_true", help="ask for the URL of a database of your own")
    parser.add_argument("--delete-database", action="store_true", help="of undeploy: the managed database too")
    parser.add_argument("--parameters", default="", help='of template.yaml: "RetentionDays=7 ReservedConcurrency=20"')
    options = parser.parse_args(arguments)
    try:
        stack = Stack(options.stack or stack_name(options.config), options.profile or None)
        say(stack.place)
        if options.action == "undeploy":
            undeploy(stack, delete_database=options.delete_database)
        else:
            deploy(
                stack,
                config=options.config,
                architecture=options.architecture,
                own_database=options.own_database,
                parameters=read_parameters(options.parameters),
            )
    except (NotDeployed, BotoCoreError, ClientError) as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
