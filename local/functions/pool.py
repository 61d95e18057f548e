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

TURNS = max(8, 4 * (os.cpu_count() or 1))  # invocations that work at the same time
TURN_SECONDS = 0.25  # the longest wait for a turn


class NoWorker(Exception):
    """No worker became free in time."""


class Invoke(Protocol):
    """Run a function on an event, and return its answer, both in JSON. Raises FunctionError and NoWorker.

    `may_wait`: the invocation may last long without working, as a long poll does.
    """

    async def __call__(self, function: Function, event: bytes, *, may_wait: bool = False) -> bytes: ...


class Pool:
    """At most `limit` workers for all functions. Make it in the event loop of the main thread.

    An idle worker runs the next invocation of its function. It ends after `idle_seconds`, or when the limit is reached
    and another function needs a worker. Invocations that may wait never take the last worker. An invocation waits
    `max_wait_seconds` for a worker, then it raises NoWorker.

    Why invocations take turns: on Lambda each worker has its own share of CPU, and PostgreSQL has another machine. Here
    all workers, the gateway and PostgreSQL share the cores of a laptop. When more invocations work at the same time
    than the cores can serve, none gets faster: they only take the cores from each other and from PostgreSQL. On two
    cores, 32 at once stored 1,400 to 1,600 messages a second; in turns they store 1,900
    (docs/explanation/decisions.md, "Workers of `make run` take turns").

    `TURNS` is four for each core and not one, because an invocation waits for PostgreSQL part of its time, and leaves
    the core to others. It was measured on two cores; their eight are the least for any machine.

    `TURN_SECONDS` is far longer than an invocation that works, which takes milliseconds. So if no turn comes within
    it, the invocations that have the turns are waiting themselves: for a lock, or for a webhook that hangs. They use no
    core, so the next invocation begins without a turn. Otherwise a few that hang would stop all others.

    Long polls take no turn: they wait almost all of their time.
    """

    def __init__(
        self, log: BinaryIO, *, limit: int = 32, max_wait_seconds: float = 29.0, idle_seconds: float = 300.0
    ) -> None:
        self._log = log
        self._limit = limit
        self._max_wait_seconds = max_wait_seconds
        self._idle_seconds = idle_seconds
        self._slots = asyncio.Semaphore(limit)
        self._long_poll_slots = asyncio.Semaphore(max(1, limit - 1))
        self._turns = asyncio.Semaphore(TURNS)
        self._workers: set[Process] = set()
        self._idle: list[Process] = []  # the longest idle first
        self._end_idle_workers()

    async def __call__(self, function: Function, event: bytes, *, may_wait: bool = False) -> bytes:
        turn = self._long_poll_slots if may_wait else self._wait_for_turn()
        try:
            async with asyncio.timeout(self._max_wait_seconds) as timeout, turn, self._slots:
                timeout.reschedule(None)
                return await self._run(function, event)
        except TimeoutError:
            raise NoWorker(f"no worker became free in {self._max_wait_seconds:g} s") from None

    def warm(self, function: Function) -> None:
        """Start a worker for the function's next invocation, unless the limit is reached."""
        if len(self._workers) < self._limit:
            self._put_idle(self._spawn(function))

    def close(self) -> None:
        """End all workers, whatever they are doing."""
        self._idle_timer.cancel()
        for worker in list(self._workers):
            self._discard(worker)
        self._idle.clear()

    @contextlib.asynccontextmanager
    async def _wait_for_turn(self) -> AsyncIterator[None]:
        has_turn = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS):
                has_turn = await self._turns.acquire()
        try:
            yield
        finally:
            if has_turn:
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
        self._put_idle(worker)
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

    def _put_idle(self, worker: Process) -> None:
        worker.idle_since = time.monotonic()
        self._idle.append(worker)

    def _discard(self, worker: Process) -> None:
        worker.end()
        self._workers.discard(worker)

    def _end_idle_workers(self) -> None:
        oldest = time.monotonic() - self._idle_seconds
        while self._idle and (self._idle[0].idle_since < oldest or self._idle[0].ended):
            self._discard(self._idle.pop(0))
        self._idle_timer = asyncio.get_running_loop().call_later(self._idle_seconds / 10, self._end_idle_workers)
