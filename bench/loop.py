"""The push loop: Dispatch and Deliver in processes of their own, with their two queues between them, as on AWS."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from bench import functions
from bench.processes import process
from broker.transport import payloads, queues

FOLDERS = {"dispatch": "dispatch", "delivery": "deliver"}  # the function of each queue


@dataclass(frozen=True, slots=True)
class _Pipe:
    """A queue in a function's process: what is sent to it goes to the loop."""

    name: str
    connection: Connection

    def send(self, bodies: Sequence[str], delay: timedelta = timedelta()) -> None:
        self.connection.send((self.name, bodies, delay))


@dataclass(slots=True)
class Loop:
    """Invokes the functions with the messages of their queues. Delayed messages are dropped: nothing fails here."""

    functions: dict[str, list[Connection]]  # idle processes, by the queue that their function reads
    alarm: Connection  # wakes `run`
    queues: dict[str, deque[str]] = field(default_factory=lambda: {name: deque() for name in FOLDERS})
    busy: dict[Connection, str] = field(default_factory=dict)
    idle: threading.Event = field(default_factory=threading.Event)

    def wake(self, topic: str) -> None:
        """Send Dispatch a wake-up for a topic."""
        self.idle.clear()
        self.alarm.send(payloads.encode_wake_up(payloads.WakeUp(topic)))

    def push(self, topic: str) -> None:
        """Send a wake-up, and wait until the queues are empty and no function runs."""
        self.wake(topic)
        self.wait()

    def wait(self) -> None:
        """Wait until the queues are empty and no function runs."""
        assert self.idle.wait(300), "the push loop does not end"

    def run(self, wakes: Connection) -> None:
        """Do SQS's and Lambda's part until `wakes` is closed."""
        with contextlib.suppress(EOFError):
            while True:
                for ready in wait([wakes, *self.busy]):
                    assert isinstance(ready, Connection)
                    self._receive(ready.recv(), ready)
                self._invoke()
                if not self.busy:
                    self.idle.set()

    def _receive(self, message: Any, sender: Connection) -> None:
        match message:
            case str():
                self.queues["dispatch"].append(message)
            case (name, bodies, delay):
                self.queues[name].extend([] if delay else bodies)
            case []:
                self.functions[self.busy.pop(sender)].append(sender)
            case failed:
                raise AssertionError(f"not completed: {failed}")

    def _invoke(self) -> None:
        for name, queue in self.queues.items():
            while queue and self.functions[name]:
                function = self.functions[name].pop()
                function.send([queue.popleft() for _ in range(min(queues.MAX_RECEIVED, len(queue)))])
                self.busy[function] = name


@contextlib.contextmanager
def loop(*, deliver_processes: int = 1) -> Iterator[Loop]:
    """Start Dispatch and Deliver, and the loop between them; stop them at the end."""
    with contextlib.ExitStack() as stack:
        started = {
            name: [stack.enter_context(process(partial(_work, folder))) for _ in range(number)]
            for (name, folder), number in zip(FOLDERS.items(), (1, deliver_processes), strict=True)
        }
        wakes, alarm = Pipe(duplex=False)
        push_loop = Loop(started, alarm)
        thread = threading.Thread(target=push_loop.run, args=(wakes,))
        thread.start()
        stack.callback(thread.join)
        stack.callback(alarm.close)
        yield push_loop


def _work(folder: str, connection: Connection) -> None:
    """Be a function: take the bodies of messages, handle them, and return the ids of those that were not completed."""
    queues.dispatch = partial(_Pipe, "dispatch", connection)
    queues.delivery = partial(_Pipe, "delivery", connection)
    module = functions.load(folder)
    while True:
        records = [{"messageId": str(nth), "body": body} for nth, body in enumerate(connection.recv())]
        connection.send(module.handler({"Records": records}, functions.Context)["batchItemFailures"])
