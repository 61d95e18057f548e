"""Secrets that are made once and kept in a file that only its owner may read."""

import os
from collections.abc import Callable
from pathlib import Path


def kept(file: Path, make: Callable[[], str]) -> str:
    """Return what `file` holds; the first call makes it."""
    if file.exists():
        return file.read_text().strip()
    value = make()
    draft = file.with_name(file.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(value + "\n")
    draft.rename(file)
    return value
