"""An end that a signal asks for: what is under way is finished first."""

import os
import signal
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

from pgbroker.cli.exits import DONE, INTERRUPTED
from pgbroker.cli.patient import PatientBroker

STANDARD_ERROR = 2


class Ending:
    """In a `with`: the first Ctrl-C or SIGTERM asks for an end, the second one raises KeyboardInterrupt.

    With the first, what waits for the next try of a request raises Ended. `code` is then the exit code: SIGTERM is an
    order like any other, so that it ends with 0.
    """

    is_requested = False
    code: int | None = None

    def __init__(self, broker: PatientBroker) -> None:
        self._broker = broker
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.is_requested:
            raise KeyboardInterrupt
        self.is_requested = True
        self.code = INTERRUPTED if number == signal.SIGINT else DONE
        if not self._broker.is_waiting:
            with suppress(OSError):  # not by sys.stderr, in whose write the signal may have come
                os.write(STANDARD_ERROR, b"Finishing what is under way. Once more ends it at once.\n")
        self._broker.end()
