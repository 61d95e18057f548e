"""POST requests over HTTP/1.1, on one kept connection for each endpoint.

A process handles one request at a time, so no two of these share a connection at the same time.
"""

import io
import select
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from http.client import HTTPResponse
from urllib.parse import urlsplit

import msgspec

PORTS = {"http": 80, "https": 443}  # by number: an image without /etc/services knows none by name
IDLE_SECONDS = 60  # then a connection is not used again: it may have been cut without a word


class _Kept(msgspec.Struct):
    sock: socket.socket
    used_at: float  # wall-clock time: a frozen process's monotonic clock may have stood still


_kept: dict[str, _Kept] = {}  # by endpoint


def post(endpoint: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, bytes]:
    """Send a request to an endpoint such as `https://example.com`; return the status and the body of the response.

    All of it, from the connection to the last byte, ends after `seconds`; only the look-up of the name has the
    resolver's own time-out. Raises OSError (TimeoutError when the time is up) or http.client.HTTPException; the
    request may have been received all the same.
    """
    ends_at = time.monotonic() + seconds
    sock = _take(endpoint) or _open(endpoint, ends_at)
    try:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        sock.settimeout(_left(ends_at))
        sock.sendall(request)
        response = HTTPResponse(_Source(sock, ends_at), method="POST")  # type: ignore[arg-type]
        with closing(response):  # or it is closed after what it reads from, which Python 3.13 reports
            response.begin()
            content = response.read()
    except BaseException:
        sock.close()
        raise
    if response.will_close:
        sock.close()
    else:
        _kept[endpoint] = _Kept(sock, time.time())
    return response.status, content


def close() -> None:
    """Close the connections that are kept."""
    while _kept:
        _kept.popitem()[1].sock.close()


class _Source(io.RawIOBase):
    """What is read from a socket until a point in time. It is what HTTPResponse needs of a socket."""

    def __init__(self, sock: socket.socket, ends_at: float) -> None:
        self._sock = sock
        self._ends_at = ends_at

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as socket.SocketIO declares it
        self._sock.settimeout(_left(self._ends_at))
        return self._sock.recv_into(buffer)


def _take(endpoint: str) -> socket.socket | None:
    """Return the kept connection, unless it has been idle for long or the server has ended it."""
    kept = _kept.pop(endpoint, None)
    if kept is None:
        return None
    waiting = select.poll()
    waiting.register(kept.sock, select.POLLIN)
    if abs(time.time() - kept.used_at) <= IDLE_SECONDS and not waiting.poll(0):
        return kept.sock
    kept.sock.close()
    return None


def _open(endpoint: str, ends_at: float) -> socket.socket:
    """Connect to an address of the endpoint's host. One that is silent leaves the others their part of the time."""
    url = urlsplit(endpoint)
    host = url.hostname or ""
    port = url.port or PORTS[url.scheme]
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for position, (*kind, _, address) in enumerate(addresses):
        sock = socket.socket(*kind)
        try:
            sock.settimeout(_left(ends_at) / (len(addresses) - position))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_left(ends_at))
            return _tls().wrap_socket(sock, server_hostname=host) if url.scheme == "https" else sock
        except OSError:
            sock.close()
            if position == len(addresses) - 1:
                raise
    raise OSError(f"{host} has no address")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(ends_at: float) -> float:
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
