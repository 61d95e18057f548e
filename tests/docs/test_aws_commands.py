"""Each `aws …` command of the pages is one that AWS has: its service, operation, options, values and query."""

import re
import shlex

import pytest

from tests.support.aws_commands import Command, commands, faults, options
from tests.support.client import ROOT, template

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = [command for page in PAGES for command in commands(page, page.read_text())]


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_aws_knows_the_command(command: Command) -> None:
    assert [*faults(command.words, is_mention=command.is_mention)] == []


def test_each_command_of_the_pages_is_looked_at() -> None:
    """A sentence may name the CLI, as in "the AWS CLI"; everything in code that begins so is a command."""
    code = [re.sub(r"^\s*#.*$", "", each.read_text(), flags=re.MULTILINE) for each in PAGES]
    named = sum(len(re.findall(r"(?<![\w/.-])aws [a-z]", text)) for text in code)
    assert named == len(COMMANDS)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("rds describe-clusters", "there is no aws rds describe-clusters: 'describe-clusters'"),
        ("rdb describe-db-clusters", "there is no aws rdb describe-db-clusters"),
        ("rds reboot-db-instance", "--db-instance-identifier is missing"),
        ("rds describe-db-clusters --cluster x", "there is no --cluster"),
        ("rds describe-db-clusters --max-records many", "--max-records: many is no whole number"),
        ("rds describe-events --source-type db_cluster", "--source-type: db_cluster is none of db-instance,"),
        ("rds modify-db-cluster --db-cluster-identifier x --no-deletion-protection now", "takes no value"),
        (
            "rds modify-db-cluster --db-cluster-identifier x --serverless-v2-scaling-configuration Min=0",
            "--serverless-v2-scaling-configuration: there is no Min",
        ),
        ("rds wait db-cluster-ready --db-cluster-identifier x", "there is no aws rds wait"),
        ("rds describe-db-clusters --query 'DBClusters[0].Host'", "--query: 'Host'"),
        ("rds describe-db-clusters --query \"DBClusters[?Host=='x'].Endpoint\"", "--query: 'Host'"),
        ("rds describe-db-clusters --query DBClusters[", "--query: Invalid jmespath expression"),
        ("lambda invoke --function-name x", "[] beside the options"),
        ("rds generate-db-auth-token --hostname x --port 5432", "--username is missing"),
    ],
)
def test_a_command_that_aws_does_not_have_is_found(text: str, fault: str) -> None:
    assert fault in " ".join(faults(shlex.split(text)))


def test_a_command_ends_where_the_shell_ends_it() -> None:
    text = "```\nX=$(aws sts get-caller-identity --query Account --output text) && aws s3api list-buckets | wc -l\n```"
    found = [command.words for command in commands(ROOT, text)]
    assert found == [
        ["sts", "get-caller-identity", "--query", "Account", "--output", "text"],
        ["s3api", "list-buckets"],
    ]


def test_a_resource_that_the_pages_name_is_in_a_template() -> None:
    """By the functions `resource` and `output` of the shell, which docs/how-to/managed-database.md defines."""
    stacks = {
        "": template(),
        "$DATABASE": template("infrastructure/database.yaml"),
        "$STACK-bastion": template("infrastructure/bastion.yaml"),
    }
    named = [
        (page.name, kind, name, stack)
        for page in PAGES
        for kind, name, stack in re.findall(r'\$\((resource|output) (\w+)(?: "([^"]+)")?\)', page.read_text())
    ]
    assert named
    sections = {"resource": "Resources", "output": "Outputs"}
    assert [each for each in named if each[2] not in stacks[each[3]][sections[each[1]]]] == []


def test_the_bastion_gets_its_parameters() -> None:
    [command] = [each for each in COMMANDS if each.words[:2] == ["cloudformation", "deploy"]]
    given = options(command.words)[1]
    parameters = template(given["--template-file"][0])["Parameters"]
    needed = {name for name, each in parameters.items() if "Default" not in each}
    assert {each.partition("=")[0] for each in given["--parameter-overrides"]} == needed
