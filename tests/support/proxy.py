"""A door before PostgreSQL, of plain TCP, that can be out of order in several ways."""

import contextlib
import socket
import threading
import time
from typing import Self

PIECE = 64 * 1024


class Proxy:
    """Hands on what it gets on `port`. Most faults begin by cutting the connections there are."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._wait: float | None = 0.0  # seconds until a new connection is handed on; None: it never is
        self._silent = False
        self._word: bytes | None = None
        self._doomed: set[socket.socket] = set()  # to the server: what it answers is swallowed
        self.port = 0
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()

    def work(self) -> None:
        """Be in order again."""
        self.cut()
        self._wait = 0.0
        self._silent = False
        if self._listener.fileno() < 0:
            self._listen()

    def refuse(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._listener.close()
        self._accepting.join()
        self.cut()

    def hang(self) -> None:
        """Take connections, and say nothing on them."""
        self._wait = None
        self.cut()

    def fall_silent(self) -> None:
        """Leave the connections there are as they are, and hand nothing on any more, as a network that broke."""
        self._wait = None
        self._silent = True

    def sleep(self, seconds: float) -> None:
        """Hand a new connection on after so long, as a database that has to be woken."""
        self._wait = seconds
        self.cut()

    def swallow_answer_to(self, word: bytes) -> None:
        """Hand on the next thing that holds the word, but cut its connection when the server answers."""
        self._word = word

    def cut(self) -> None:
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
            while (piece := source.recv(PIECE)) and source not in self._doomed:
                if self._silent:
                    continue
                if self._word is not None and self._word in piece:
                    self._word = None
                    self._doomed.add(target)
                target.sendall(piece)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            with self._lock:
                self._sockets.discard(each)
