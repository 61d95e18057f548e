"""`make run` as a process, small functions for its workers, and ways to wait for other processes."""

import contextlib
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from local.template.template import Function

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0  # for what another process or thread does: a busy machine may take long
ECHO = "def handler(event, context): return event"


@dataclass(frozen=True)
class Running:
    """What `make run` prints."""

    url: str
    link: str  # opens the console
    token: str  # the admin's

    @property
    def console_token(self) -> str:
        """The token in the link."""
        return self.link.partition("#token=")[2]


@contextlib.contextmanager
def running(data: Path, port: int = 0) -> Iterator[str]:
    """Start `make run` on a port, or a free one, with its data in `data`; yield its url."""
    with started(data, port) as broker:
        yield broker.url


@contextlib.contextmanager
def started(
    data: Path, port: int = 0, options: str = "", *arguments: str, variables: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start `make run` as `running` does, with OPTIONS and these other variables; yield what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={
            **{name: os.environ[name] for name in ("PATH", "PG_BIN") if name in os.environ},
            "BROKER_PORT": str(port),
            "BROKER_DATA": str(data),
            "OPTIONS": options,
            **(variables or {}),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        rest = Thread(target=deque, args=(process.stdout, 0))  # with --in-process, what the functions log
        try:
            said: list[str] = []
            for line in process.stdout:
                said.append(line.strip())
                if line.startswith("export TOKEN="):
                    break
            else:
                raise AssertionError("\n".join(said))  # why it has not started
            [url] = [line for line in said if line.startswith("ready on")]
            [link] = [line for line in said if line.startswith("console:")]
            rest.start()
            yield Running(url.split()[-1], link.split()[-1], said[-1].partition("=")[2])
        finally:
            process.terminate()
            if rest.ident:
                rest.join()


def function(
    folder: Path,
    source: str = ECHO,
    *,
    name: str = "Echo",
    timeout_seconds: int = 30,
    environment: Mapping[str, str] | None = None,
    layers: tuple[Path, ...] = (),
) -> Function:
    """Make a function with this source, in its own folder below `folder`."""
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    (home / "app.py").write_text(source)
    return Function(name, home, "app.handler", layers, timeout_seconds, 128, environment or {})


def runs(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc/self").exists()


def until(condition: Callable[[], object], patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition is true that sends no event, such as the end of another process's child."""
    give_up_at = time.monotonic() + patience_seconds
    pause_seconds = 0.001
    while not condition():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, 0.01)
