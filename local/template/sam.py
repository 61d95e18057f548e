"""AWS's SAM translator as a program: it reads a SAM template and writes it as CloudFormation in JSON.

It is a process of its own, because the translator imports boto3, which is slow and reads the user's AWS configuration.
"""

import json
import sys
from typing import Any

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from yaml import YAMLError


class NoPolicies:
    """Replaces the list of AWS's managed policies, which only IAM knows."""

    def load(self) -> dict[str, str]:
        return {}


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """Translate. Folders of code become objects in the bucket `local`; each parameter stays a `Ref` to itself."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in ("CodeUri", "ContentUri"):
            if name in properties:
                properties[name] = f"s3://local/{properties[name]}"
    references = {name: {"Ref": name} for name in template.get("Parameters", {})}
    translated: dict[str, Any] = transform(template, references, NoPolicies())
    return translated


if __name__ == "__main__":
    try:
        json.dump(translate(yaml_parse(sys.stdin.read())), sys.stdout)
    except YAMLError as error:
        sys.exit(str(error))
    except InvalidDocumentException as error:
        sys.exit("; ".join([error.message, *(cause.message for cause in error.causes)]))
