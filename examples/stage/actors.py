"""The broker, the producers and the consumers, each a process of its own as it would be in a terminal."""

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
# The demo's broker stands here and is gone afterwards, whatever the user's own is.
NOT_OURS = {"DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_ADMIN_TOKEN", "BROKER_HOST"}


@dataclass(frozen=True)
class Line:
    """What an actor said: `leased 01a2… "shop 1"`."""

    actor: str
    verb: str
    about: str = ""
    content: str = ""


class Actor:
    """A program of examples/; its lines go to `said`, and when it ends, the line `ended`."""

    def __init__(self, program: str, name: str, flags: str, said: SimpleQueue[Line], **environment: str) -> None:
        self.name = name
        self._said = said
        command = [sys.executable, str(EXAMPLES / program), "--name", name, *flags.split()]
        self._process = _start(command, **environment)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def kill(self) -> None:
        """Kill it as `kill -9` does; all that it said before is in `said` after this."""
        self._process.kill()
        self._reader.join()

    def stop(self) -> None:
        self._process.terminate()
        self._reader.join()

    def _read(self) -> None:
        with self._process as process:
            for line in process.stdout or ():
                self._said.put(Line(self.name, *line.rstrip("\n").split(" ", 2)))
        self._said.put(Line(self.name, "ended"))


@contextmanager
def broker(data: Path) -> Iterator[tuple[str, str]]:
    """`make run` on a free port, with its data in `data`: its url and its token. SystemExit when it does not run."""
    process = _start([sys.executable, "-m", "local"], BROKER_PORT="0", BROKER_DATA=str(data))
    with process:
        said = []
        try:
            for line in process.stdout or ():
                said.append(line)
                if line.startswith("ready on"):
                    yield line.split()[-1], (data / "admin.token").read_text().strip()
                    return
            sys.exit("the broker did not start:\n" + "".join(said))
        finally:
            process.terminate()


def _start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603  the demo's own programs
        command,
        cwd=EXAMPLES.parent,
        env={name: value for name, value in os.environ.items() if name not in NOT_OURS} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # the terminal's Ctrl-C and hang-up reach the demo alone, which stops them in order
    )


def end_on_signals() -> None:
    """Let a hang-up and SIGTERM end the demo as Ctrl-C does, so that it stops what it started."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
