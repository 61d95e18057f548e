"""A PostgreSQL, or another program, whose clock a test moves by libfaketime. Waits take as long as ever."""

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

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a program that goes by this clock."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextlib.contextmanager
def server(settings: dict[str, str]) -> Iterator[tuple[str, Clock]]:
    """Start a PostgreSQL of its own; yield the superuser's url, and the clock."""
    with folders.for_data("broker-clock-") as folder:
        clock = Clock(folder / "clock")
        with embedded.start(folder, settings=settings, variables=clock.variables) as started:
            yield started.url, clock
