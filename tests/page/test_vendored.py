"""What the page takes of others, and what is written about it."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from scripts import vendor
from tests.support.client import ROOT

PAGE = ROOT / "functions" / "console" / "page"
RECORD = (PAGE / "VENDORED.txt").read_text()


def test_the_bundle_is_the_one_that_is_written_down() -> None:
    [checksum] = re.findall(r"^sha256 of vendor\.js: ([0-9a-f]{64})$", RECORD, re.MULTILINE)
    assert hashlib.sha256((PAGE / "vendor.js").read_bytes()).hexdigest() == checksum


def test_each_package_has_its_version_its_hash_and_its_licence() -> None:
    asked = json.loads((ROOT / "scripts" / "page" / "package.json").read_text())
    for name, version in asked["dependencies"].items():
        assert re.search(rf"^{name} {version}, (MIT|Apache-2\.0), sha512-[\w+/]{{86}}==$", RECORD, re.MULTILINE)
        assert f"The licence of {name}:\n" in RECORD
    assert f"bundled by esbuild {asked['devDependencies']['esbuild']}, " in RECORD
    assert "The MIT License" in RECORD
    assert "Apache License" in RECORD


def test_the_bundle_makes_no_program_of_text_and_asks_nobody() -> None:
    source = (PAGE / "vendor.js").read_text()
    assert not re.search(r"\beval\(|new Function|importScripts|fetch\(|XMLHttpRequest", source)


@pytest.mark.slow
def test_making_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    if not vendor.PACKAGES.exists():
        pytest.skip("the packages are not installed: make vendor")
    vendor.main(tmp_path)
    for name in ("vendor.js", "VENDORED.txt"):
        assert (tmp_path / name).read_bytes() == (PAGE / name).read_bytes()
