"""A real HTTP server on loopback that behaves as badly as the test demands.

with Endpoint() as endpoint:
    endpoint.does(resets(), times=1)     # the next request
    endpoint.answer(410, path="/gone")   # each request to this path from now on
    ...                                  # all other requests: 200
    [first, *_] = endpoint.wait_for(2)
"""

import asyncio
import re
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.runner import PATIENCE_SECONDS

# What the endpoint does with a request. Slow behaviours are coroutines, and end with their connection.
Behaviour = Callable[[asyncio.Transport], Coroutine[None, None, None] | None]


@dataclass(frozen=True)
class Received:
    """A request as the endpoint received it."""

    method: str
    path: str
    body: bytes
    head: str

    @cached_property
    def headers(self) -> dict[str, str]:
        """Its headers, names in lower case."""
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:])
        return {name.lower(): value.strip() for name, _, value in lines}


class Endpoint:
    """A server in its own thread; with `tls`, it speaks https."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.url = ""
        self.requests: list[Received] = []
        self.connections = 0  # opened so far
        self._open: set[asyncio.Transport] = set()
        self._tls = tls
        self._host = host
        self._lasting: dict[str | None, Behaviour] = {None: answers()}
        self._next: deque[tuple[str | None, Behaviour]] = deque()
        self._changed = threading.Condition()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(PATIENCE_SECONDS), "the endpoint did not start"
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def does(self, behaviour: Behaviour, *, path: str | None = None, times: int | None = None) -> None:
        """Behave so for requests to `path` (None: to any path), `times` times (None: from now on).

        A behaviour with `times` comes before one without, in the order of the calls.
        """
        with self._changed:
            if times is None:
                self._lasting[path] = behaviour
            else:
                self._next.extend([(path, behaviour)] * times)

    def answer(
        self,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        path: str | None = None,
        times: int | None = None,
    ) -> None:
        """Respond so: see `does`."""
        self.does(answers(status, headers, body), path=path, times=times)

    def hang(self, *, path: str | None = None, times: int | None = None) -> None:
        """Never respond: see `does`."""
        self.does(hangs(), path=path, times=times)

    def wait_for(self, count: int, timeout: float = PATIENCE_SECONDS) -> list[Received]:
        """Wait until `count` requests have come in all, and return them; AssertionError after `timeout` seconds."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests) >= count, timeout)
        assert arrived, f"{len(self.requests)} of {count} requests came within {timeout} s"
        return list(self.requests)

    def wait_for_silence(self, timeout: float = PATIENCE_SECONDS) -> None:
        """Wait until no connection is open; AssertionError after `timeout` seconds."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, timeout), f"{len(self._open)} are open"

    def opened(self, transport: asyncio.Transport) -> None:
        """Note a new connection."""
        self.connections += 1
        self._open.add(transport)

    def closed(self, transport: asyncio.Transport) -> None:
        """Note the end of a connection."""
        with self._changed:
            self._open.discard(transport)
            self._changed.notify_all()

    def received(self, request: Received) -> Behaviour:
        """Note a request, and return what to do with it."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            for path, behaviour in self._next:
                if path in {None, request.path}:
                    self._next.remove((path, behaviour))
                    return behaviour
            return self._lasting.get(request.path) or self._lasting[None]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(lambda: _Connection(self), self._host, 0, ssl=self._tls, backlog=1024)
        scheme, host = ("https", "localhost") if self._tls else ("http", self._host)
        self.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
        self._started.set()
        await self._stop.wait()
        for listener in server.sockets:
            self._loop.remove_reader(listener.fileno())
        for _ in range(10):
            await asyncio.sleep(
                0
            )  # connections just accepted have no transport to abort yet, and get none from a closed server
        server.close()
        while self._open:
            for transport in self._open:
                transport.abort()
            await asyncio.sleep(0)


class _Connection(asyncio.Protocol):
    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._endpoint.opened(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._endpoint.closed(self._transport)
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._buffer.startswith(b"\x16"):  # a client that speaks TLS to a server without it
            closes(after=b"HTTP/1.1 400 Bad Request\r\n\r\n")(self._transport)
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", self._buffer[:end])
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < size:
                return
            head, body = self._buffer[:end].decode("latin-1"), bytes(self._buffer[end + 4 : size])
            del self._buffer[:size]
            method, path, _ = head.split(" ", 2)
            behave = self._endpoint.received(Received(method, path, body, head))
            if slow := behave(self._transport):
                task = asyncio.get_running_loop().create_task(slow)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)


def answers(status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Respond at once."""
    lines = [f"HTTP/1.1 {status} as asked", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    data = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return lambda transport: transport.write(data)


def answers_after(seconds: float) -> Behaviour:
    """Respond with 200, but late."""

    async def behave(transport: asyncio.Transport) -> None:
        await asyncio.sleep(seconds)
        answers()(transport)

    return behave


def says(data: bytes) -> Behaviour:
    """Send exactly these bytes, HTTP or not, and leave the connection open."""
    return lambda transport: transport.write(data)


def hangs() -> Behaviour:
    """Never respond."""
    return lambda _transport: None


def closes(after: bytes = b"") -> Behaviour:
    """Close the connection, without a response or in the middle of one."""

    def behave(transport: asyncio.Transport) -> None:
        transport.write(after)
        transport.close()

    return behave


def resets() -> Behaviour:
    """Send a TCP reset."""

    def behave(transport: asyncio.Transport) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    return behave


def drips(data: bytes, *, begin: bytes = b"", every: float = 0.02) -> Behaviour:
    """Send `begin`, then `data` again and again without end."""

    async def behave(transport: asyncio.Transport) -> None:
        transport.write(begin)
        while True:
            transport.write(data)
            await asyncio.sleep(every)

    return behave


def drips_headers() -> Behaviour:
    """Begin a response whose headers never end."""
    return drips(b"x-drip: 1\r\n", begin=b"HTTP/1.1 200 OK\r\n")


def drips_body() -> Behaviour:
    """Begin a response whose body never ends."""
    return drips(b".", begin=b"HTTP/1.1 200 OK\r\n\r\n")


def floods(size: int) -> Behaviour:
    """Respond with 200 and a body of `size` bytes, as fast as the client reads."""

    async def behave(transport: asyncio.Transport) -> None:
        transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        left = size
        while left > 0:
            if transport.get_write_buffer_size() == 0:
                transport.write(bytes(min(left, 1 << 20)))
                left -= 1 << 20
            await asyncio.sleep(0)

    return behave


_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Issues certificates under its own root certificate; they are files in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority")])
        root = self._certificate(self._name, self._key, timedelta(days=1))
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        root = root.add_extension(_SIGNS_CERTIFICATES, critical=True)
        self.certificates = directory / "authority.pem"
        self.certificates.write_bytes(root.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def context(self, name: str = "localhost", *, lifetime: timedelta = timedelta(days=1)) -> ssl.SSLContext:
        """Make the `tls` of an endpoint called `name`. With a negative `lifetime` its certificate has expired."""
        file = self._directory / "endpoint.pem"
        file.write_bytes(b"".join(self.issue(name, lifetime=lifetime)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def issue(self, name: str, *, lifetime: timedelta = timedelta(days=1)) -> tuple[bytes, bytes]:
        """Make a key, and its certificate for a host called `name`; both as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._certificate(x509.Name([]), key, lifetime)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        return (
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            leaf.sign(self._key, SHA256()).public_bytes(Encoding.PEM),
        )

    def _certificate(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=datetime.now(UTC) - timedelta(days=2),
            not_valid_after=datetime.now(UTC) + lifetime,
        )
        # from Python 3.13 on, a certificate must have both (RFC 5280)
        own, issuer = key.public_key(), self._key.public_key()
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        return builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
