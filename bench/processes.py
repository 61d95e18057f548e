"""Run one side of a measurement in its own process, connected by a pipe."""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection


@contextlib.contextmanager
def process(work: Callable[[Connection], None]) -> Iterator[Connection]:
    """Run `work` in a new process with one end of a pipe, and yield the other end. The process is stopped at the end."""
    context = multiprocessing.get_context("spawn")
    our_end, other_end = context.Pipe()
    child = context.Process(target=work, args=(other_end,), daemon=True)
    child.start()
    try:
        yield our_end
    finally:
        child.terminate()
        child.join()
