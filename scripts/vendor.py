"""`make vendor` bundles what the console's page takes of others, and writes down where it comes from."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / ".vendor" / "node_modules"  # `make .vendor/ready` installs them
ENTRY = ROOT / "scripts" / "page" / "entry.js"
PAGE = ROOT / "functions" / "console" / "page"
BUNDLE = ("--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none")
VENDORED = ("htm", "preact")
TOOL = "esbuild"


def main(folder: Path = PAGE) -> None:
    """Write vendor.js and VENDORED.txt. The same packages give the same bytes."""
    subprocess.run(  # noqa: S603  our own command
        [PACKAGES / ".bin" / TOOL, ENTRY, *BUNDLE, "--log-level=warning", f"--outfile={folder / 'vendor.js'}"],
        env={**os.environ, "NODE_PATH": str(PACKAGES)},
        check=True,
    )
    (folder / "VENDORED.txt").write_text(_record((folder / "vendor.js").read_bytes()))


def installed() -> dict[str, Any]:
    """Return what npm has installed, by name: its version, licence, and `integrity`, the registry's sha512."""
    packages = json.loads((PACKAGES / ".package-lock.json").read_text())["packages"]
    return {path.removeprefix("node_modules/"): package for path, package in packages.items()}


def _record(bundle: bytes) -> str:
    packages = installed()
    lines = [
        "What vendor.js is made of. `make vendor` makes it again, and this file, out of scripts/page/.",
        "",
        *(_line(name, packages[name]) for name in VENDORED),
        "",
        f"bundled by {_line(TOOL, packages[TOOL])}",
        f"{TOOL} entry.js {' '.join(BUNDLE)}",
        f"sha256 of vendor.js: {hashlib.sha256(bundle).hexdigest()}",
        "",
    ]
    for name in VENDORED:
        licence = (PACKAGES / name / "LICENSE").read_text().strip("\n")
        lines += [f"The licence of {name}:", "", *(line.rstrip() for line in licence.splitlines()), ""]
    return "\n".join(lines)


def _line(name: str, package: dict[str, Any]) -> str:
    return f"{name} {package['version']}, {package['license']}, {package['integrity']}"


if __name__ == "__main__":
    main()
