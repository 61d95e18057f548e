"""A real broker on this machine: `make run` of a checkout, on a free port, with data of its own."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# Variables of the user's own broker, whose database this one must not use.
NOT_INHERITED = {"DATABASE_URL", "OWNER_DATABASE_URL", "BROKER_ADMIN_TOKEN", "TOKEN_KEYS", "BROKER_HOST", "TOKEN"}


class NotStarted(Exception):
    """The broker did not start; the message has what it printed."""


@contextmanager
def running(checkout: Path, data: Path) -> Generator[tuple[str, str], None, None]:
    """Start the broker of a checkout after its `make run` has installed it once; yield its url and its token.

    `data` is a folder for its database. It is stopped at the end. Raises NotStarted.
    """
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise NotStarted(f"{checkout} has no .venv: run `make run` there once")
    with subprocess.Popen(  # noqa: S603  the broker's own program
        [str(python), "-m", "local"],
        cwd=checkout,
        env={name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        | {"BROKER_PORT": "0", "BROKER_DATA": str(data)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the caller only, which stops it in order
    ) as process:
        printed: list[str] = []
        try:
            for line in process.stdout or ():
                printed.append(line)
                if line.startswith("ready on"):
                    yield line.split()[-1], (data / "admin.token").read_text().strip()
                    return
            raise NotStarted("the broker did not start:\n" + "".join(printed))
        finally:
            process.terminate()
