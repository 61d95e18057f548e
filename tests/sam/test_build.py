"""The layer that `sam build` makes, for each architecture."""

import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from local.terminal import say
from tests.sam.stack import SAM
from tests.support.client import ROOT

MACHINES = {"x86_64": 62, "arm64": 183}  # EM_X86_64, EM_AARCH64
UNCHECKED_HASH = 1


class Layer(NamedTuple):
    architecture: str
    folder: Path


@pytest.fixture(scope="module", params=MACHINES)
def layer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    """The layer, built for one architecture."""
    if shutil.which("python3.13") is None:
        pytest.skip("python3.13 is needed on PATH to build for Lambda")
    folder = tmp_path_factory.mktemp(request.param)
    build = [
        SAM,
        "build",
        "BrokerLayer",
        "--no-cached",
        "--build-dir",
        folder / "build",
        "--cache-dir",
        folder / "cache",
    ]
    command = [*build, "--parameter-overrides", f"Architecture={request.param}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return Layer(request.param, folder / "build" / "BrokerLayer")


def test_each_library_is_built_for_the_architecture(layer: Layer, capsys: pytest.CaptureFixture[str]) -> None:
    libraries = [file for file in layer.folder.rglob("*.so*") if file.is_file()]
    assert len(libraries) > 10
    for library in libraries:
        magic, machine = struct.unpack_from("<4s14xH", library.read_bytes())
        assert (magic, machine) == (b"\x7fELF", MACHINES[layer.architecture]), library
    archive = Path(shutil.make_archive(str(layer.folder), "zip", layer.folder))
    unpacked = sum(file.stat().st_size for file in layer.folder.rglob("*") if file.is_file())
    with capsys.disabled():
        say(f"\nlayer, {layer.architecture}: {unpacked / 1e6:.1f} MB, zipped {archive.stat().st_size / 1e6:.1f} MB")


def test_each_module_has_its_bytecode(layer: Layer) -> None:
    modules = list((layer.folder / "python").rglob("*.py"))
    assert any(module.match("broker/api.py") for module in modules)
    for module in modules:
        bytecode = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert int.from_bytes(bytecode.read_bytes()[4:8], "little") == UNCHECKED_HASH, module
    assert len(modules) == len(list(layer.folder.rglob("*.pyc")))
