"""What the runner prints at the terminal, and the error that ends it there."""

import shlex
from pathlib import Path


class CannotRun(Exception):
    """The broker cannot run here; the message says why."""


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def shell_path(path: Path) -> str:
    """Return the path quoted for a shell in the current folder: relative if it is inside of it."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
