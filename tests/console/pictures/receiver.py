"""The endpoints of the story: one that works, one that is down from some time on, and one that refuses some orders."""

import contextlib
import json
import random
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SLOWEST_SECONDS = 0.04


class Receiver(ThreadingHTTPServer):
    """It answers by the path: `/crm` with 503 while `is_down`, `/ledger` names or refuses what it cannot book."""

    is_down = False
    url: str

    def answer(self, path: str, messages: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        if path == "/crm" and self.is_down:
            return 503, {"error": "closed for maintenance"}
        if path == "/ledger":
            refused = [(each["id"], why) for each in messages if (why := _why_not(each))]
            if refused and len(messages) > 1:
                return 200, {"failed": [each for each, _ in refused]}
            if refused:
                return refused[0][1]
        return 200, {}


def _why_not(message: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """Why the order cannot be booked; None: it can."""
    if message["content"]["currency"] == "CHF":
        return 422, {"error": "no ledger for CHF", "order": message["content"]["order"]}
    return None if message["key"] else (404, {"error": "no such customer"})


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = self.server.answer(self.path, body["messages"])
        time.sleep(random.uniform(SLOWEST_SECONDS / 4, SLOWEST_SECONDS))
        text = json.dumps(answer).encode() if answer else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Serve on a free port of 127.0.0.1 until the end."""
    with Receiver(("127.0.0.1", 0), _Handler) as server:
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
