"""The broker, the producers and the consumers of the demo, each in its own process, as if started in a terminal."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

EXAMPLES = Path(__file__).parents[1]
# Variables of the user's own broker: the demo's broker must not use its database.
NOT_INHERITED = {"DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_ADMIN_TOKEN", "TOKEN_KEYS", "BROKER_HOST"}


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
        self._process = _start(command, **environment)
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


@contextmanager
def start_broker(data: Path) -> Iterator[tuple[str, str]]:
    """Start `make run` on a free port, with its data in `data`; yield its URL and token. SystemExit when it fails."""
    process = _start([sys.executable, "-m", "local"], BROKER_PORT="0", BROKER_DATA=str(data))
    with process:
        lines = []
        try:
            for line in process.stdout or ():
                lines.append(line)
                if line.startswith("ready on"):
                    yield line.split()[-1], (data / "admin.token").read_text().strip()
                    return
            sys.exit("the broker did not start:\n" + "".join(lines))
        finally:
            process.terminate()


def _start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  the demo's own programs
        command,
        cwd=EXAMPLES.parent,
        env={name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the demo only, which stops the programs in order
    )


def end_on_signals() -> None:
    """Let a hang-up or SIGTERM end the demo as Ctrl-C does, so that it stops the programs that it started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
