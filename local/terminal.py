"""What is said to whoever sits at the terminal."""

import shlex
from pathlib import Path


class CannotRun(Exception):
    """The broker cannot run here; the message says why."""


def say(line: str) -> None:
    print(line, flush=True)


def pasted(path: Path) -> str:
    """Return the path as short as a shell in this folder understands it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
