"""The pool of worker processes: one for each invocation that runs at the same time, as on Lambda."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from typing import BinaryIO, Protocol

from local.functions.process import FunctionError, Process
from local.template.template import Function

# More than so many at once only take the cores from each other, and from PostgreSQL.
TURNS = max(8, 4 * (os.cpu_count() or 1))
TURN_SECONDS = 0.25


class NoWorker(Exception):
    """No worker came free in time."""


class Invoke(Protocol):
    """Run a function on an event in JSON; its answer in JSON.

    `may_wait` says that the invocation may last for long without working, as a long poll does.
    Raises FunctionError and NoWorker.
    """

    async def __call__(self, function: Function, event: bytes, *, may_wait: bool = False) -> bytes: ...


class Pool:
    """At most `limit` workers, of whatever functions are asked for. Make it in the main thread's event loop.

    An idle worker is used again by its function, gives way to another function when room is short, and ends after
    `idle_seconds`. One is kept free of invocations that may wait. A request waits `patience_seconds` for a worker.

    Invocations that work take turns, `TURNS` at once. One whose turn does not come within `TURN_SECONDS` begins all the
    same: those before it do not work then, but wait for something.
    """

    def __init__(
        self, log: BinaryIO, *, limit: int = 32, patience_seconds: float = 29.0, idle_seconds: float = 300.0
    ) -> None:
        self._log = log
        self._limit = limit
        self._patience_seconds = patience_seconds
        self._idle_seconds = idle_seconds
        self._slots = asyncio.Semaphore(limit)
        self._waiting_slots = asyncio.Semaphore(max(1, limit - 1))
        self._turns = asyncio.Semaphore(TURNS)
        self._workers: set[Process] = set()
        self._idle: list[Process] = []  # the longest idle first
        self._sweep()

    async def __call__(self, function: Function, event: bytes, *, may_wait: bool = False) -> bytes:
        waiting = self._waiting_slots if may_wait else self._turn()
        try:
            async with asyncio.timeout(self._patience_seconds) as patience, waiting, self._slots:
                patience.reschedule(None)
                return await self._run(function, event)
        except TimeoutError:
            raise NoWorker(f"no worker came free in {self._patience_seconds:g} s") from None

    def warm(self, function: Function) -> None:
        """Start a worker that will be there for the function's next invocation, if there is room."""
        if len(self._workers) < self._limit:
            self._rest(self._spawn(function))

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        self._sweeper.cancel()
        for worker in list(self._workers):
            self._discard(worker)
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        had = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                had = await self._turns.acquire()
        try:
            yield
        finally:
            if had:
                self._turns.release()

    async def _run(self, function: Function, event: bytes) -> bytes:
        worker = self._take(function)
        try:
            answer = await worker.invoke(event)
        except BaseException as error:
            self._discard(worker)
            if isinstance(error, FunctionError):
                print(error.trace or error, file=sys.stderr, flush=True)
            raise
        self._rest(worker)
        return answer

    def _take(self, function: Function) -> Process:
        for worker in reversed(self._idle):
            if worker.function is function and not worker.ended:
                self._idle.remove(worker)
                return worker
        if len(self._workers) >= self._limit:
            self._discard(self._idle.pop(0))
        return self._spawn(function)

    def _spawn(self, function: Function) -> Process:
        worker = Process(function, self._log)
        self._workers.add(worker)
        return worker

    def _rest(self, worker: Process) -> None:
        worker.idle_since = time.monotonic()
        self._idle.append(worker)

    def _discard(self, worker: Process) -> None:
        worker.end()
        self._workers.discard(worker)

    def _sweep(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        while self._idle and (self._idle[0].idle_since < oldest or self._idle[0].ended):
            self._discard(self._idle.pop(0))
        self._sweeper = asyncio.get_running_loop().call_later(self._idle_seconds / 10, self._sweep)
