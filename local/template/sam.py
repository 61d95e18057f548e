"""AWS's SAM translator as a program: a SAM template on standard input, the CloudFormation it stands for in JSON after.

A process of its own, since the translator imports boto3, which reads the user's AWS configuration and is slow.
"""

import json
import sys
from typing import Any

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from yaml import YAMLError


class NoPolicies:
    """Stands for the list of AWS's managed policies, which only IAM could tell."""

    def load(self) -> dict[str, str]:
        return {}


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """Translate with the folders of code under the bucket `local`, and every parameter standing for itself."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri"):
            if name in properties:
                properties[name] = f"s3://local/{properties[name]}"
    themselves = {name: {"Ref": name} for name in template.get("Parameters", {})}
    translated: dict[str, Any] = transform(template, themselves, NoPolicies())
    return translated


if __name__ == "__main__":
    try:
        json.dump(translate(yaml_parse(sys.stdin.read())), sys.stdout)
    except YAMLError as error:
        sys.exit(str(error))
    except InvalidDocumentException as error:
        sys.exit("; ".join([error.message, *(cause.message for cause in error.causes)]))
