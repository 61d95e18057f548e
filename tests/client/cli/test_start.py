"""How the command starts: without loading what it does not need, and with help where something is missing."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from pgbroker.cli.app import SECTIONS, app
from tests.client.cli.conftest import COMMAND


def test_the_help_loads_neither_http_nor_msgspec_nor_rich(environment):
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pgbroker", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert loaded & {"httpx2", "msgspec", "rich", "ssl", "asyncio"} == set()
    assert "click" in loaded


def test_without_click_it_says_what_to_install(environment):
    without = "import sys; sys.path[:] = [each for each in sys.path if 'site-packages' not in each]"
    program = f"{without}; from pgbroker.__main__ import main; main()"
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "the command line needs more packages: pip install 'pgbroker[cli]'\n"


def test_the_version_is_that_of_the_package(run):
    assert run("--version").out == f"pgbroker {version('pgbroker')}\n"


def test_the_help_shows_every_command_once(run):
    shown = run("--help").out
    for section in SECTIONS:
        assert section.title in shown
        for entry in section.entries:
            assert f"  {entry.name} " in shown


@pytest.mark.parametrize("entry", app.entries.values(), ids=lambda entry: entry.name)
def test_each_command_has_its_help(run, entry):
    shown = run(entry.name, "-h")
    assert shown.code == 0
    assert shown.out.startswith(f"Usage: pgbroker {entry.name} ")


def test_without_a_command_it_shows_the_help(run):
    assert "Usage: pgbroker" in run().err


def test_a_module_is_a_command(environment):
    ran = subprocess.run([*COMMAND, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("pgbroker ")
