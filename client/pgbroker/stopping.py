"""A clean stop: by a signal, and of what waits for the broker."""

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def finish(work: Coroutine[Any, Any, Result], stop: asyncio.Event, seconds: float) -> Result:
    """Return the result of a request. A stop waits for it, because the broker may lease messages to it.

    Raises TimeoutError when it is not done so many seconds after the stop; it is cancelled then.
    """
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            await asyncio.wait({working}, timeout=seconds)
        if not working.done():
            raise TimeoutError
        return working.result()
    finally:
        working.cancel()
        stopping.cancel()


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Do nothing for a time, or until the stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


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
