"""How many webhooks a Sender posts in a second, and how much CPU time each takes."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import requests
from requests.adapters import HTTPAdapter

from bench import receivers
from bench.measure import Bench, Figures, alternate, seconds
from broker.webhooks.sender import Sender
from broker.webhooks.transfer import Request

WEBHOOKS, THREADS = 1000, 64
BODY = b'"' + b"x" * 1022 + b'"'
HEADERS = {"content-type": "application/json", "webhook-id": "msg_1", "webhook-timestamp": "1795500000"}


def webhooks(bench: Bench) -> Figures:
    """A Sender posts 1,000 webhooks of 1 KB to a server that responds at once; against 64 threads of `requests`."""
    with _senders() as (ours, reference):
        return alternate(lambda: WEBHOOKS / seconds(ours), lambda: WEBHOOKS / seconds(reference), bench.rounds(15))


def cpu(bench: Bench) -> Figures:
    """CPU time of the process in which a Sender posts 1,000 webhooks of 1 KB, for each webhook; against 64 threads of `requests`."""
    with _senders() as (ours, reference):
        return alternate(lambda: _cpu_time(ours), lambda: _cpu_time(reference), bench.rounds(10))


def _cpu_time(send: Callable[[], object]) -> float:
    """Return the microseconds of CPU time for each webhook, in this process: the server runs in another."""
    before = time.process_time()
    send()
    return 1e6 * (time.process_time() - before) / WEBHOOKS


@contextlib.contextmanager
def _senders() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """Yield two calls, each of which posts all webhooks: with a Sender, and with `requests`."""
    with (
        receivers.receiver() as receiver,
        Sender[int](allow_private=True) as sender,
        requests.Session() as session,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        session.trust_env = False  # no proxy and no .netrc, as in the Sender
        session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
        url = receiver.url()

        def post_with_requests(_nth: int) -> None:
            assert session.post(url, BODY, headers=HEADERS, timeout=15).status_code == 200

        yield (
            lambda: post(sender, Request(url, HEADERS, BODY), WEBHOOKS),
            lambda: deque(pool.map(post_with_requests, range(WEBHOOKS)), maxlen=0),
        )


def post(sender: Sender[int], request: Request, times: int) -> None:
    """Post a request so many times, and await the responses, each of which must be 200."""
    for nth in range(times):
        sender.post(request, nth)
    while sender:
        for _, response in sender.responses(timedelta(seconds=15)):
            assert response.status == 200, response.reason
