"""A process of its own for one side of a measurement, at the other end of a pipe."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection


@contextlib.contextmanager
def process(work: Callable[[Connection], None]) -> Iterator[Connection]:
    """Let `work` run with the pipe's other end, and end it: our end."""
    spawning = multiprocessing.get_context("spawn")
    mine, its = spawning.Pipe()
    started = spawning.Process(target=work, args=(its,), daemon=True)
    started.start()
    try:
        yield mine
    finally:
        started.terminate()
        started.join()
