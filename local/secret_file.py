"""Secrets that are made once, and kept in a file that only its owner can read."""

import os
from collections.abc import Callable
from pathlib import Path


def read_or_make(file: Path, make: Callable[[], str], keep: Callable[[str], bool] = bool) -> str:
    """Return the content of `file`. If there is none, or it is not one to `keep`, `make` the secret and write it first.

    A crash leaves no file that is half written: the secret is written to a second file, which is then renamed.
    """
    if file.exists() and keep(value := file.read_text().strip()):
        return value
    value = make()
    draft = file.with_name(file.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(value + "\n")
    draft.rename(file)
    return value
