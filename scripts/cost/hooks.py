"""Webhook endpoints that respond after 100 ms, and count the messages."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

RESPONSE_SECONDS = 0.1


class Hooks(ThreadingHTTPServer):
    """The server of all endpoints, on loopback."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.messages = 0
        self._lock = threading.Lock()

    def add(self, messages: int) -> None:
        """Count messages that were delivered."""
        with self._lock:
            self.messages += messages


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        batch = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(RESPONSE_SECONDS)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
        cast("Hooks", self.server).add(len(batch["messages"]))

    def log_message(self, *_: Any) -> None:
        """Print no line for each request."""


@contextlib.contextmanager
def serve() -> Iterator[Hooks]:
    """Start the server, and stop it at the end."""
    with Hooks() as hooks:
        thread = threading.Thread(target=hooks.serve_forever)
        thread.start()
        try:
            yield hooks
        finally:
            hooks.shutdown()
            thread.join()
