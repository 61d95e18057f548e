"""What template.yaml deploys, as SAM expands it."""

from typing import Any

import pytest

from tests.deployment import resources as expanded


@pytest.fixture(scope="session")
def resources() -> Any:
    """The resources of template.yaml as SAM expands it."""
    return expanded.resources()


@pytest.fixture(scope="session")
def recursive(resources: Any) -> set[str]:
    """The functions that AWS lets run in a loop."""
    return {name for name, each in resources.items() if each.get("Properties", {}).get("RecursiveLoop") == "Allow"}
