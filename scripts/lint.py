"""`make lint`: what cfn-lint, its serverless rules and checkov say of the templates.

Those are template.yaml, as AWS's translator expands it, and those of infrastructure/, which are nested in it.

What they say must be in EXCEPTIONS, with its reason, and an exception that no longer applies must go.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.template import template
from local.terminal import say

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / ".venv-lint" / "bin"

EXCEPTIONS = {
    # cfn-lint
    "W3002": "sam deploy packages the nested templates",
    "WS1000": "X-Ray costs as much as the functions; a message's own trace says more",
    "WS1004": "all functions write to one log group with a retention, Log; the rule looks for one for each",
    "ES1001": "a message that its function does not complete is planned again from the database, which is the truth",
    "ES4000": "an alarm says when Maintain has not run, whatever the reason, and its next run does what one has missed",
    "ES6000": "LastResortQueue is where the others redrive to; in an expanded template the rule does not see that",
    # checkov
    "CKV_AWS_158": "CloudWatch encrypts logs with its own key, and no log has content; KMS costs a dollar a month",
    "CKV_AWS_27": "SQS encrypts with its own key; KMS costs a request for each message, and nothing stays for long",
    "CKV_AWS_118": "the dashboard has capacity and connections; enhanced monitoring costs a role and a log of its own",
    "CKV_AWS_115": "a reservation fails in a new account, which has 10 executions: ReservedConcurrency is for others",
    "CKV_AWS_116": "as ES1001, and HTTP requests have no queue",
    "CKV_AWS_117": "Deliver and Setup ask the internet, which a VPC without NAT keeps from them",
    "CKV_AWS_149": "Secrets Manager encrypts with the account's key; one of one's own costs a dollar a month",
    "CKV_AWS_173": "the environment has no secret but the key of the tokens' checks, and Lambda encrypts it",
}


def main() -> int:
    """Return 0 when the findings are the exceptions, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        expanded = Path(folder, "expanded.json")
        expanded.write_text(json.dumps(template.translate(ROOT / "template.yaml")))
        files = [expanded, *sorted((ROOT / "infrastructure").glob("*.yaml"))]
        found = [finding for file in files for finding in (*_cfn_lint(file), *_checkov(file))]
    unknown = [f"{rule} {where}: {message}" for rule, where, message in found if rule not in EXCEPTIONS]
    gone = [
        f"{rule} is an exception, and nothing breaks it" for rule in EXCEPTIONS.keys() - {each[0] for each in found}
    ]
    for line in [*unknown, *gone]:
        say(line)
    if not unknown and not gone:
        say(f"{len(files)} templates are as they should be, but for {len(EXCEPTIONS)} exceptions with their reasons")
    return 1 if unknown or gone else 0


def _cfn_lint(file: Path) -> Iterator[tuple[str, str, str]]:
    options = ["--format", "json", "--append-rules", "cfn_lint_serverless.rules"]
    for finding in _run(TOOLS / "cfn-lint", *options, "--", str(file)):
        yield finding["Rule"]["Id"], "/".join(map(str, finding["Location"]["Path"])), finding["Message"]


def _checkov(file: Path) -> Iterator[tuple[str, str, str]]:
    options = ["--framework", "cloudformation", "--output", "json", "--quiet"]
    found = _run(TOOLS / "checkov", "--file", str(file), *options)
    # it has no results where it knows none of the resources, as those of CloudWatch
    for finding in found.get("results", {"failed_checks": []})["failed_checks"]:
        yield finding["check_id"], finding["resource"], finding["check_name"]


def _run(*command: str | Path) -> Any:
    """Run a tool, which ends with 0 or not, and return the JSON that it prints."""
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return json.loads(run.stdout or "[]")


if __name__ == "__main__":
    sys.exit(main())
