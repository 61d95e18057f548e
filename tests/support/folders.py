"""A folder for a server's data: in memory if there is room, where databases are made and dropped ten times as fast."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")  # a container's often has 64 MB, which is too little
ROOM_BYTES = 4 * 1024**3


@contextlib.contextmanager
def for_data(prefix: str) -> Iterator[Path]:
    """Make a folder that other users may pass through, for PostgreSQL may run as one; remove it at the end."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix=prefix, dir=MEMORY if roomy else None, ignore_cleanup_errors=True) as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield folder
