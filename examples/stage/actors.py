"""The producers and consumers of the demo, each in a process of its own, as if started in a terminal."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

EXAMPLES = Path(__file__).parents[1]


@dataclass(frozen=True)
class Line:
    """A line that an actor printed: `leased 01a2… "shop 1"`."""

    actor: str
    verb: str
    subject: str = ""
    content: str = ""


class Actor:
    """A running program of examples/. Its lines go to the queue `lines`, and a line `ended` when it ends."""

    def __init__(self, program: str, name: str, flags: str, lines: SimpleQueue[Line], **environment: str) -> None:
        self.name = name
        self._lines = lines
        command = [sys.executable, str(EXAMPLES / program), "--name", name, *flags.split()]
        self._process = subprocess.Popen(  # noqa: S603  the demo's own programs
            command,
            cwd=EXAMPLES.parent,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches the demo only, which stops the programs in order
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        """Kill it as `kill -9` does. After this, all lines that it printed are in the queue."""
        self._process.kill()
        self._reader.join()

    def stop(self) -> None:
        """Stop it with SIGTERM. After this, all lines that it printed are in the queue."""
        self._process.terminate()
        self._reader.join()

    def _read(self) -> None:
        with self._process as process:
            for line in process.stdout or ():
                self._lines.put(Line(self.name, *line.rstrip("\n").split(" ", 2)))
        self._lines.put(Line(self.name, "ended"))


def end_on_signals() -> None:
    """Let a hang-up or SIGTERM end the demo as Ctrl-C does, so that it stops the programs that it started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
