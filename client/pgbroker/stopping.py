"""A clean stop by a signal."""

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Generator[None, None, None]:
    """Call `stop` at the first SIGTERM or SIGINT, in the main thread. The second one does what it did before."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT) if threading.current_thread() is threading.main_thread() else ()

    def release() -> None:
        for number in signals:
            loop.remove_signal_handler(number)

    def first() -> None:
        release()
        stop()

    for number in signals:
        loop.add_signal_handler(number, first)
    try:
        yield
    finally:
        release()
