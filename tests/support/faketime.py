"""A PostgreSQL whose clock a test moves, by libfaketime. Waits and time-outs take as long as ever."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from local.postgres import embedded
from tests.support import folders

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)  # of Debian's package libfaketime


class Clock:
    def __init__(self, file: Path) -> None:
        self._file = file
        self.set_ahead(timedelta(0))

    def set_ahead(self, step: timedelta) -> None:
        """Let the server's clock be ahead of the true time by `step`, or behind it by a negative one."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{step.total_seconds():+.0f}\n")
        new.chmod(0o644)  # PostgreSQL may run as another user
        new.replace(self._file)


@contextlib.contextmanager
def server(settings: dict[str, str]) -> Iterator[tuple[str, Clock]]:
    """Start a PostgreSQL of its own; yield the superuser's url, and the clock."""
    with folders.for_data("broker-clock-") as folder:
        clock = Clock(folder / "clock")
        variables = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with embedded.start(folder, settings=settings, variables=variables) as started:
            yield started.url, clock
