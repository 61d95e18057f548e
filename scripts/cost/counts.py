"""Count what was noted while a load ran."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from scripts.cost.events import Invocation, Sent
from scripts.cost.traffic import Function, Traffic

CHUNK_BYTES = 64 * 1024  # SQS bills each as a request


@dataclass(frozen=True)
class State:
    """What has come together by now, before or after a load."""

    position: int  # in the file of events
    delivered: int  # messages
    log_bytes: int
    storage_bytes: int
    wal_bytes: int
    database_seconds: float


def count(
    load: str, subscribers: int, messages: int, before: State, after: State, events: Collection[Invocation | Sent]
) -> Traffic:
    """Return what one of so many messages took between the two states."""
    sent = [each for each in events if isinstance(each, Sent)]
    runs = [each for each in events if isinstance(each, Invocation)]
    return Traffic(
        load=load,
        subscribers=subscribers,
        messages=messages,
        publish=_function("Publish", runs, messages),
        dispatch=_function("Dispatch", runs, messages),
        deliver=_function("Deliver", runs, messages),
        requests_to_dispatch=_requests("DispatchQueue", "Dispatch", sent, runs) / messages,
        requests_to_deliver=_requests("DeliveryQueue", "Deliver", sent, runs) / messages,
        log_bytes=round((after.log_bytes - before.log_bytes) / messages),
        storage_bytes=round((after.storage_bytes - before.storage_bytes) / messages),
        wal_bytes=round((after.wal_bytes - before.wal_bytes) / messages),
        database_ms=round(1000 * (after.database_seconds - before.database_seconds) / messages, 3),
    )


def _requests(queue: str, function: str, sent: Iterable[Sent], runs: Iterable[Invocation]) -> int:
    """Return the requests to a queue: to send, and for each batch of its function to receive and to delete it."""
    sending = sum(math.ceil(each.bytes / CHUNK_BYTES) for each in sent if each.queue == queue)
    receiving = sum(math.ceil(each.bytes / CHUNK_BYTES) + 1 for each in runs if each.function == function)
    return sending + receiving


def _function(name: str, runs: Iterable[Invocation], messages: int) -> Function:
    """Return the function's mean run. The first run of a process is left out: it began while the process started.

    A process has used for a run what is between the beginnings of this run and of its next one.
    """
    by_worker: defaultdict[int, list[Invocation]] = defaultdict(list)
    for each in runs:
        if each.function == name:
            by_worker[each.worker].append(each)
    cpu = wait = measured = 0.0
    for started in by_worker.values():
        for run, following in pairwise(started[1:]):
            cpu += following.cpu - run.cpu
            wait += max(0.0, run.duration - (following.cpu - run.cpu) - (following.delay - run.delay))
            measured += 1
    return Function(
        runs=sum(map(len, by_worker.values())) / messages,
        cpu_ms=round(1000 * cpu / measured, 2),
        wait_ms=round(1000 * wait / measured, 2),
    )
