"""How the layer is built: from its lock, with a Makefile for each architecture."""

import re
from pathlib import Path

from tests.support.client import ROOT, template

LAYER = ROOT / "layers" / "broker"


def pins(file: Path) -> set[tuple[str, str]]:
    """The packages that a requirements file pins, with their versions."""
    return set(re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==([^ \n]+)", file.read_text(), re.MULTILINE))


def test_the_lock_of_the_layer_pins_its_requirements() -> None:
    assert pins(LAYER / "requirements.txt") <= pins(LAYER / "requirements.lock")


def test_the_lock_of_the_layer_agrees_with_the_lock_for_development() -> None:
    assert pins(LAYER / "requirements.lock") <= pins(ROOT / "requirements.lock")


def test_every_package_of_the_layer_has_a_hash() -> None:
    _, *packages = re.split(r"^(?=[a-z])", (LAYER / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert len(packages) == len(pins(LAYER / "requirements.lock"))
    assert all("--hash=sha256:" in package for package in packages)


def test_every_architecture_has_a_makefile() -> None:
    metadata = template()["Resources"]["BrokerLayer"]["Metadata"]
    architectures = template()["Parameters"]["Architecture"]["AllowedValues"]
    folders = {metadata["ContextPath"].replace("${Architecture}", each) for each in architectures}
    assert {str(file.parent.relative_to(ROOT)) for file in LAYER.glob("*/Makefile")} == folders
