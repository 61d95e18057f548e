"""The command on a terminal of its own."""

import os
import pty
import subprocess
import sys
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.runner import PATIENCE_SECONDS, until


class Terminal:
    """A process whose standard input, output and error are a terminal."""

    def __init__(self, process: "subprocess.Popen[bytes]", fd: int) -> None:
        self.process = process
        self._fd = fd
        self.shown = ""
        self._decode = getincrementaldecoder("utf-8")().decode  # a read may end inside a character

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def wait_for(self, text: str) -> None:
        """Read until the terminal shows a text."""
        while text not in self.shown:
            assert self._read(), f"it ended with {self.shown!r}"

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> bool:
        try:
            found = os.read(self._fd, 65_536)
        except OSError:  # its other end is closed
            return False
        self.shown += self._decode(found)
        return bool(found)


@contextmanager
def terminal(
    arguments: Sequence[str], environment: Mapping[str, str], *, columns: int = 160, folder: Path | None = None
) -> Iterator[Terminal]:
    """Run the command on a new terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pgbroker", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "COLUMNS": str(columns), "LINES": "40"},
        cwd=folder,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours)
        finally:
            process.kill()
            until(lambda: process.poll() is not None)
            os.close(ours)
