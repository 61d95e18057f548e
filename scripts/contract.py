"""`python -m scripts.contract` generates functions/console/openapi.json, which the broker serves, from openapi.yaml."""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
SERVED = ROOT / "functions" / "console" / "openapi.json"


def contract() -> str:
    """Return openapi.yaml as JSON: compact, in the order of its source."""
    document = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    SERVED.write_text(contract(), encoding="utf-8")
