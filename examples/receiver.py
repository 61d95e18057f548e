"""Receive webhooks and print them: python3 examples/receiver.py 7001 [whsec_…]

With the subscription's secret it refuses requests that are not signed with it (https://www.standardwebhooks.com).
"""

import base64
import hmac
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 300  # an older request is refused: it may be a replay


class Receiver(BaseHTTPRequestHandler):
    """Responds 204 to a webhook, and 401 to a request with a wrong signature."""

    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.secret and not self.is_signed(body):
            self.send_response(401)
        else:
            for message in json.loads(body)["messages"]:
                self.take(message)
            self.send_response(204)
        self.end_headers()

    def take(self, message: dict[str, Any]) -> None:
        """Handle one message: print it."""
        print(message["seq"], message["id"], json.dumps(message["content"]), flush=True)

    def is_signed(self, body: bytes) -> bool:
        sent_at = self.headers.get("webhook-timestamp", "")
        if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
            return False
        signed = f"{self.headers.get('webhook-id')}.{sent_at}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
        signatures = self.headers.get("webhook-signature", "").encode().split()
        return any(hmac.compare_digest(expected, signature) for signature in signatures)

    def log_message(self, *_: object) -> None:
        """Print no line for each request."""


if __name__ == "__main__":
    port, Receiver.secret = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""
    print(f"receiving on http://127.0.0.1:{port}/", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
