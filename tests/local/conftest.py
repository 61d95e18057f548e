"""What template.yaml deploys, as SAM expands it."""

from typing import Any

import pytest

from local.template import template
from tests.support.client import ROOT


@pytest.fixture(scope="session")
def resources() -> Any:
    """The resources of template.yaml as SAM expands it."""
    return template.translate(ROOT / "template.yaml")["Resources"]


@pytest.fixture(scope="session")
def recursive(resources: Any) -> set[str]:
    """The functions that AWS lets run in a loop."""
    return {name for name, each in resources.items() if each.get("Properties", {}).get("RecursiveLoop") == "Allow"}
