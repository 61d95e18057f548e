"""CloudFormation, as far as a custom resource meets it: it takes the answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Self


class CloudFormation:
    """Takes answers at `url` until the end of the block. Each has its Content-Type as `type`, and its `path`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.answers: list[dict[str, Any]] = []
        self.refuses = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.answers.append({**json.loads(body), "type": self.headers["Content-Type"], "path": self.path})
                self.send_response(403 if outer.refuses else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_port}/answer?signature=x%2F"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=[0.01], daemon=True
        ).start()  # looks so often for an end
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
