"""Secrets that are made once, and kept in a file that only its owner can read."""

import os
from collections.abc import Callable
from pathlib import Path


def read_or_make(file: Path, make: Callable[[], str]) -> str:
    """Return the content of `file`. If it does not exist, `make` the secret and write it first.

    A crash leaves no file that is half written: the secret is written to a second file, which is then renamed.
    """
    if file.exists():
        return file.read_text().strip()
    value = make()
    draft = file.with_name(file.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(value + "\n")
    draft.rename(file)
    return value
