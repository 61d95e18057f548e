"""What the stand-ins for PostgreSQL share: they listen, and read its protocol up to the login.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import contextlib
import socket
import struct
import threading
from typing import Self

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class StandIn:
    """Serves each connection to `port` in a thread. A subclass calls this at the end of its own `__init__`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def serve(self, client: socket.socket) -> None:
        """Serve a connection; an OSError ends it."""
        raise NotImplementedError

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.serve(client)


def read(client: socket.socket, size: int) -> bytes:
    """Read so many bytes. Raises ConnectionError when there are fewer."""
    found = b""
    while len(found) < size:
        chunk = client.recv(size - len(found))
        if not chunk:
            raise ConnectionError
        found += chunk
    return found


def read_start_up(client: socket.socket) -> tuple[int, bytes]:
    """Read a message of the start, which has no type: its code, and the rest."""
    length, code = struct.unpack("!ii", read(client, 8))
    return code, read(client, length - 8)


def parameters_of(body: bytes) -> dict[bytes, bytes]:
    """Read the parameters of a start-up message."""
    fields = body.rstrip(b"\0").split(b"\0")
    return dict(zip(fields[::2], fields[1::2], strict=True))


def refuse(client: socket.socket, refusal: str) -> None:
    """Refuse a login: `28P01 password authentication failed`."""
    state, _, text = refusal.partition(" ")
    message = f"SFATAL\0VFATAL\0C{state}\0M{text}\0\0".encode()
    client.sendall(b"E" + struct.pack("!i", len(message) + 4) + message)
