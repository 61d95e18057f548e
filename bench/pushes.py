"""How fast webhooks leave, and what each costs."""

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
    """A Sender posts 1,000 webhooks of 1 KB to a server that answers at once; against 64 threads of `requests`."""
    with _both() as (ours, reference):
        return alternate(lambda: WEBHOOKS / seconds(ours), lambda: WEBHOOKS / seconds(reference), bench.rounds(15))


def cpu(bench: Bench) -> Figures:
    """CPU of the process in which a Sender posts 1,000 webhooks of 1 KB; against 64 threads of `requests`."""
    with _both() as (ours, reference):
        return alternate(lambda: _cost(ours), lambda: _cost(reference), bench.rounds(10))


def _cost(send: Callable[[], object]) -> float:
    """Microseconds of CPU a webhook, in this process: the server is another."""
    before = time.process_time()
    send()
    return 1e6 * (time.process_time() - before) / WEBHOOKS


@contextlib.contextmanager
def _both() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """Make the two ways to post."""
    with (
        receivers.receiver() as receiver,
        Sender[int](allow_private=True) as sender,
        requests.Session() as session,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        session.trust_env = False  # as the Sender: no proxy, no .netrc
        session.mount("http://", HTTPAdapter(pool_maxsize=THREADS))
        url = receiver.url()

        def post_plainly(_nth: int) -> None:
            assert session.post(url, BODY, headers=HEADERS, timeout=15).status_code == 200

        yield (
            lambda: post(sender, Request(url, HEADERS, BODY), WEBHOOKS),
            lambda: deque(pool.map(post_plainly, range(WEBHOOKS)), maxlen=0),
        )


def post(sender: Sender[int], request: Request, times: int) -> None:
    """Post a request so many times, and take the answers, which must be good ones."""
    for nth in range(times):
        sender.post(request, nth)
    while sender:
        for _, answer in sender.responses(timedelta(seconds=15)):
            assert answer.status == 200, answer.reason
