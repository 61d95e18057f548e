"""Send webhooks: many POSTs at once, each with one deadline, none held up by another.

libcurl does the work through its multi interface. A `Sender` belongs to one thread.
"""

import errno
import math
import re
import select
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import pycurl

from broker import addresses

T = TypeVar("T")

MAX_BODY = 64 * 1024
MAX_HEADERS = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. Header names and values are printable ASCII; those about host, connection and length are added."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request. `status` is None when no whole answer came, and `reason` then says why.

    An answer that breaks off or does not end in time is no answer. One with more than `MAX_BODY` octets is: it keeps
    its status, `reason` says that it was cut, and `body` is its beginning.
    """

    status: int | None
    reason: str | None
    headers: Mapping[str, str]  # of the final answer, names in lower case, repeated ones joined by ", "
    body: bytes  # at most MAX_BODY octets
    started_at: datetime
    duration: timedelta


class Sender(Generic[T]):
    """Sends requests and hands back each answer with the tag under which it was posted.

    At most `connections` requests are under way, at most `host_connections` of them to one host: the others wait here,
    hosts taking turns, and the `timeout` of each starts when it does. Connections are kept and used again; redirects
    are not followed. Unless `allow_private`, each address is checked when it is connected to. `certificates` is a file
    of the authorities to trust, by default the system's.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        timeout: timedelta = timedelta(seconds=15),
        connections: int = 128,
        host_connections: int = 16,
        certificates: Path | None = None,
    ) -> None:
        certificates = certificates or _system_certificates()
        self._new_transfer = partial(_Transfer, timeout, certificates, allow_private=allow_private)
        self._connections = connections
        self._host_connections = host_connections
        self._waiting: dict[str, deque[tuple[Request, T]]] = {}  # by host
        self._busy: Counter[str] = Counter()  # requests under way, by host
        self._under_way: dict[pycurl.Curl, tuple[_Transfer, str, T]] = {}
        self._idle: list[_Transfer] = []
        self._ended: list[tuple[T, Answer]] = []
        self._poll = select.poll()
        self._multi = pycurl.CurlMulti(close_handles=True)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many requests have not been answered to the caller yet."""
        return len(self._ended) + len(self._under_way) + sum(map(len, self._waiting.values()))

    def post(self, request: Request, tag: T) -> None:
        """Start `request`, or let it wait for its turn. It moves on only while `answers` is called.

        Raises nothing: a url or header that cannot be sent is told in the answer. Whether a url may be a webhook at all
        is for `addresses.fault`.
        """
        if reason := _unsendable(request):
            self._ended.append((tag, Answer(None, reason, {}, b"", datetime.now(UTC), timedelta())))
            return
        self._waiting.setdefault(_host(request.url), deque()).append((request, tag))
        self._start_waiting()

    def answers(self, wait: timedelta) -> list[tuple[T, Answer]]:
        """Wait until at least one request has ended, and give all that have, each once.

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
        """Break off what is under way and forget what waits; their tags get no answer."""
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
        """Let libcurl do what can be done, after waiting up to `wait` seconds for a socket or a deadline."""
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


class _Transfer:
    """A libcurl handle, used for one request after another, and what the present one has brought so far."""

    _started_at: datetime
    _headers: dict[str, str]
    _header_room: int  # octets
    _body: bytearray
    _refused: str | None  # the address that was not connected to

    def __init__(self, timeout: timedelta, certificates: Path | None, *, allow_private: bool) -> None:
        self.curl = pycurl.Curl()
        self._timeout = timeout
        options = {
            pycurl.POST: 1,
            pycurl.USERAGENT: "broker",
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.NETRC: pycurl.NETRC_IGNORED,
            pycurl.PROXY: "",  # through a proxy of the environment, the address check would see the proxy's
            pycurl.NOSIGNAL: 1,
            pycurl.TIMEOUT_MS: int(timeout.total_seconds() * 1000),
            pycurl.HEADERFUNCTION: self._take_header,
            pycurl.WRITEFUNCTION: self._take_body,
        }
        if certificates:
            options[pycurl.CAINFO] = str(certificates)
        if not allow_private:
            options[pycurl.OPENSOCKETFUNCTION] = self._open_public
        for option, value in options.items():
            self.curl.setopt(option, value)

    def start(self, request: Request) -> None:
        self._started_at = datetime.now(UTC)
        self._headers = {}
        self._header_room = MAX_HEADERS
        self._body = bytearray()
        self._refused = None
        self.curl.setopt(pycurl.URL, request.url)
        self.curl.setopt(pycurl.HTTPHEADER, ["Expect:", *_header_lines(request.headers)])
        self.curl.setopt(pycurl.POSTFIELDS, request.body)

    def end(self, code: int, message: str) -> Answer:
        self.curl.setopt(pycurl.POSTFIELDS, b"")  # an idle handle shall not hold on to a batch
        cut = code == pycurl.E_WRITE_ERROR and len(self._body) == MAX_BODY
        return Answer(
            self.curl.getinfo(pycurl.RESPONSE_CODE) if cut or code == pycurl.E_OK else None,
            f"only the first {MAX_BODY} octets of the answer were read" if cut else self._reason(code, message),
            self._headers,
            bytes(self._body),
            self._started_at,
            timedelta(seconds=self.curl.getinfo(pycurl.TOTAL_TIME)),
        )

    def _open_public(self, _purpose: int, peer: Any) -> socket.socket | int:
        address: str = peer.addr[0]
        if addresses.is_public(address):
            return socket.socket(peer.family, peer.socktype, peer.protocol)
        self._refused = address
        return int(pycurl.SOCKET_BAD)

    def _take_header(self, line: bytes) -> int | None:
        """Keep a line of the head; giving back another number than its length ends the transfer."""
        self._header_room -= len(line)
        if self._header_room < 0:
            return 0
        if line.startswith(b"HTTP/"):
            self._headers = {}  # those of an interim answer
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            name, value = name.lower(), value.strip()
            self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
        return None

    def _take_body(self, octets: bytes) -> int:
        """Keep the beginning of the body; giving back another number than `octets` has ends the transfer."""
        kept = octets[: MAX_BODY - len(self._body)]
        self._body += kept
        return len(kept)

    def _reason(self, code: int, message: str) -> str | None:
        match code:
            case pycurl.E_OPERATION_TIMEDOUT:
                return f"no whole answer within {self._timeout.total_seconds():g} s"
            case pycurl.E_COULDNT_CONNECT if self._refused:
                return f"the address {self._refused} is not public"
            case pycurl.E_COULDNT_CONNECT if self.curl.getinfo(pycurl.OS_ERRNO) == errno.ECONNREFUSED:
                return "the connection was refused"
            case pycurl.E_PEER_FAILED_VERIFICATION:
                return f"the certificate was refused: {message}"
            case pycurl.E_WRITE_ERROR if self._header_room < 0:
                return f"the answer's headers have more than {MAX_HEADERS} octets"
            case _:
                return _REASONS.get(code, f"libcurl error {code}")


_REASONS = {
    pycurl.E_OK: None,
    pycurl.E_URL_MALFORMAT: "the url is malformed",
    pycurl.E_COULDNT_RESOLVE_HOST: "the host's name was not found",
    pycurl.E_COULDNT_CONNECT: "no connection could be made",
    pycurl.E_SSL_CONNECT_ERROR: "the TLS handshake failed",
    pycurl.E_SSL_CACERT_BADFILE: "the file of trusted certificates could not be read",
    pycurl.E_SEND_ERROR: "the connection broke off",
    pycurl.E_RECV_ERROR: "the connection was reset",
    pycurl.E_GOT_NOTHING: "the connection was closed without an answer",
    pycurl.E_PARTIAL_FILE: "the answer broke off",
    pycurl.E_UNSUPPORTED_PROTOCOL: "the answer is not HTTP",
    8: "the answer is not HTTP",  # CURLE_WEIRD_SERVER_REPLY, to which pycurl gives no name
    100: f"the answer's headers have more than {MAX_HEADERS} octets",  # CURLE_TOO_LARGE, likewise
}

_URL = re.compile(r"(?i)https?://[!-~]+")
_HEADER = re.compile(r"[!-9;-~]+: [ -~]*")

# One that lies about the request's end would make a kept connection give its answer to another's request.
_OWN_HEADERS = {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}


def _unsendable(request: Request) -> str | None:
    """Why libcurl shall not even see `request`: it would send a line break in a header as it stands."""
    if not _URL.fullmatch(request.url):
        return "the url is not an http url of printable ASCII"
    for name, value in request.headers.items():
        if not _HEADER.fullmatch(f"{name}: {value}"):
            return f"the header {name!a} is malformed"
        if name.lower() in _OWN_HEADERS:
            return f"the header {name!a} is not for the request to set"
    return None


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """As libcurl wants them: `name;` sends an empty header, `name:` would remove it."""
    return [f"{name}: {value}" if value.strip() else f"{name};" for name, value in headers.items()]


def _host(url: str) -> str:
    """Give what stands between `//` and the path: close enough to share connections fairly."""
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0].lower()


def _system_certificates() -> Path | None:
    """Find the authorities that this system trusts: the wheel of pycurl looks only where Red Hat has them."""
    files = (
        ssl.get_default_verify_paths().cafile,
        "/etc/ssl/certs/ca-certificates.crt",  # Debian
        "/etc/pki/tls/certs/ca-bundle.crt",  # Amazon Linux, so Lambda
        "/etc/ssl/cert.pem",  # macOS, Alpine
    )
    return next((Path(file) for file in files if file and Path(file).exists()), None)
