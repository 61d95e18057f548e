"""Send many POSTs at once: each has one deadline, and none delays another.

libcurl does the work through its multi interface. A `Sender` belongs to one thread.
"""

import math
import re
import select
import time
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Generic, Self, TypeVar

import pycurl

from broker import authorities, deadlines
from broker.webhooks.transfer import Request, Response, Transfer, request_fault

T = TypeVar("T")


class Sender(Generic[T]):
    """Sends requests and returns each response with the tag under which it was posted.

    At most `connections` requests are under way, at most `host_connections` of them to one host. The others wait here,
    and hosts take turns; the `timeout` of a request starts when it is sent. Connections are kept and used again.
    Redirects are not followed. Unless `allow_private`, each address is checked when a connection to it is made.
    `certificates` is a file of the authorities to trust, by default the system's.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        timeout: timedelta = timedelta(seconds=deadlines.POST_SECONDS),
        connections: int = 128,
        host_connections: int = 16,
        certificates: Path | None = None,
    ) -> None:
        certificates = certificates or authorities.system()
        self._new_transfer = partial(Transfer, timeout, certificates, allow_private=allow_private)
        self._connections = connections
        self._host_connections = host_connections
        self._waiting: dict[str, deque[tuple[Request, T]]] = {}  # by host
        self._busy: Counter[str] = Counter()  # requests under way, by host
        self._under_way: dict[pycurl.Curl, tuple[Transfer, str, T]] = {}
        self._idle: list[Transfer] = []
        self._ended: list[tuple[T, Response]] = []
        self._poll = select.poll()
        self._multi = pycurl.CurlMulti(close_handles=True)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many requests have no response that was returned to the caller."""
        return len(self._ended) + len(self._under_way) + sum(map(len, self._waiting.values()))

    def post(self, request: Request, tag: T) -> None:
        """Start `request`, or let it wait for its turn. It makes progress only while `responses` is called.

        Raises nothing: the response to a url or header that cannot be sent has the reason. Whether a url may be a
        webhook at all, `addresses.url_fault` says.
        """
        if reason := request_fault(request):
            self._ended.append((tag, Response(None, reason, {}, b"", datetime.now(UTC), timedelta())))
            return
        self._waiting.setdefault(_host(request.url), deque()).append((request, tag))
        self._start_waiting()

    def responses(self, wait: timedelta) -> list[tuple[T, Response]]:
        """Wait until at least one request has ended; return the responses of all that have, each once.

        An empty list means that `wait` is over, or that nothing is under way.
        """
        until = time.monotonic() + wait.total_seconds()
        left = wait.total_seconds()
        while self._under_way and not self._ended and left >= 0:
            self._move(left)
            left = until - time.monotonic()
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Break off the requests that are under way and drop those that wait; their tags get no response."""
        self._multi.close()
        for transfer in self._idle:
            transfer.curl.close()
        for collection in (self._idle, self._ended, self._under_way, self._waiting, self._busy):
            collection.clear()

    def _start_waiting(self) -> None:
        while len(self._under_way) < self._connections:
            host = next((host for host in self._waiting if self._busy[host] < self._host_connections), None)
            if host is None:
                break
            queue = self._waiting.pop(host)
            request, tag = queue.popleft()
            if queue:
                self._waiting[host] = queue  # now behind the other hosts
            transfer = self._idle.pop() if self._idle else self._new_transfer()
            transfer.start(request)
            self._multi.add_handle(transfer.curl)
            self._under_way[transfer.curl] = transfer, host, tag
            self._busy[host] += 1

    def _watch(self, what: int, fd: int, _multi: pycurl.CurlMulti, _state: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._poll.unregister(fd)
        else:
            reads = select.POLLIN if what & pycurl.POLL_IN else 0
            writes = select.POLLOUT if what & pycurl.POLL_OUT else 0
            self._poll.register(fd, reads | writes)

    def _move(self, wait: float) -> None:
        """Wait up to `wait` seconds for a socket or a deadline, and let libcurl do what it then can."""
        milliseconds = math.ceil(wait * 1000)
        due = self._multi.timeout()
        for fd, _ in self._poll.poll(milliseconds if due < 0 else min(due, milliseconds)):
            self._multi.socket_action(fd, 0)
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        _, good, bad = self._multi.info_read()
        for curl, code, message in [*((curl, pycurl.E_OK, "") for curl in good), *bad]:
            transfer, host, tag = self._under_way.pop(curl)
            self._multi.remove_handle(curl)
            self._busy[host] -= 1
            if not self._busy[host]:
                del self._busy[host]
            self._ended.append((tag, transfer.end(code, message)))
            self._idle.append(transfer)
        self._start_waiting()


def _host(url: str) -> str:
    """Return the part between `//` and the path: close enough to share connections fairly."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].lower()
