"""`make deploy-check`: look at what only an AWS account shows of a deployed broker.

docs/how-to/deploy-check.md has the facts, and a table for what is seen. It reads, and writes nothing but two topics and
a token of its own, which it deletes.
"""

import argparse
import sys
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from local.terminal import say
from scripts.deploy import stack_name
from scripts.deploy_check.checks import CHECKS, FLOOD
from scripts.deploy_check.deployed import Check, Deployed, Finding
from scripts.deploy_check.traffic import Unexpected
from scripts.stack import NotDeployed, Stack

WORDS = {True: "yes", False: "no", None: "seen"}


def look(check: Check, of: Deployed) -> Finding:
    """Run a check; what AWS or the broker refuses it is a finding too."""
    try:
        return check.look(of)
    except (BotoCoreError, ClientError, OSError, Unexpected, KeyError) as error:
        return Finding(f"it could not be looked at: {type(error).__name__}: {error}", is_expected=False)


def main(arguments: Sequence[str]) -> int:
    """Return 0 when each check finds what it expects, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="default", help="the environment in samconfig.toml")
    parser.add_argument("--stack", help="its name, instead of that in samconfig.toml")
    parser.add_argument("--profile", help="of the AWS CLI")
    parser.add_argument("--flood", action="store_true", help=f"{FLOOD.looks_at}, too")
    options = parser.parse_args(arguments)
    failed = []
    try:
        stack = Stack(options.stack or stack_name(options.config), options.profile or None)
        say(stack.place)
        deployed = Deployed(stack)
        for check in [*CHECKS, *([FLOOD] if options.flood else [])]:
            finding = look(check, deployed)
            say(f"| {check.name} | {WORDS[finding.is_expected]} | {finding.seen} |")
            if finding.is_expected is False:
                failed.append(check)
    except NotDeployed as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    for check in failed:
        say(f"\n{check.name}: expected is that {check.expects}. {check.otherwise}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
