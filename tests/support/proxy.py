"""A TCP proxy in front of PostgreSQL that can fail in several ways."""

import contextlib
import socket
import threading
import time
from typing import Self

CHUNK_BYTES = 64 * 1024


class Proxy:
    """Forwards what it receives on `port`. Most faults begin by closing all open connections."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._wait: float | None = 0.0  # seconds before a new connection is forwarded; None: never
        self._silent = False
        self._word: bytes | None = None
        self._cut_at_answer: set[socket.socket] = set()  # to the server, whose answers are dropped
        self.port = 0
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def work(self) -> None:
        """Work again."""
        self.cut()
        self._wait = 0.0
        self._silent = False
        if self._listener.fileno() < 0:
            self._listen()

    def refuse(self) -> None:
        """Refuse new connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the accept of the other thread
        self._listener.close()
        self._accepting.join()
        self.cut()

    def hang(self) -> None:
        """Accept connections, and never answer on them."""
        self._wait = None
        self.cut()

    def fall_silent(self) -> None:
        """Leave connections open and forward nothing any more, like a network that broke."""
        self._wait = None
        self._silent = True

    def sleep(self, seconds: float) -> None:
        """Forward a new connection after so many seconds, like a database that must wake up."""
        self._wait = seconds
        self.cut()

    def swallow_answer_to(self, word: bytes) -> None:
        """Forward the next data that contains the word, but close its connection when the server answers."""
        self._word = word

    def cut(self) -> None:
        """Close all open connections."""
        with self._lock:
            ended, self._sockets = self._sockets, set()
        for each in ended:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with self._lock:
                    self._sockets.add(client)
                threading.Thread(target=self._serve, args=(client, self._wait), daemon=True).start()

    def _serve(self, client: socket.socket, wait: float | None) -> None:
        if wait is None:
            return
        time.sleep(wait)
        with contextlib.suppress(OSError):
            server = socket.create_connection(self._server)
            with self._lock:
                self._sockets.add(server)
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
            self._pump(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (chunk := source.recv(CHUNK_BYTES)) and source not in self._cut_at_answer:
                if self._silent:
                    continue
                if self._word is not None and self._word in chunk:
                    self._word = None
                    self._cut_at_answer.add(target)
                target.sendall(chunk)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            with self._lock:
                self._sockets.discard(each)
