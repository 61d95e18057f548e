"""Consume messages and receive webhooks, in a terminal of its own: python examples/consumer.py --port 7001 --topic news

Keys, each with Enter: c consume what waits, s subscribe, u unsubscribe, q quit. As flags: --consume goes on consuming,
with --once it ends when nothing waits; --subscribe goes on receiving. $BROKER and $TOKEN say where, and as whom.
"""

import argparse
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

from client import Broker
from receiver import Receiver
from terminal import explaining, say

KEYS = "c consume    s subscribe    u unsubscribe    q quit    (and Enter)"


class Webhook(Receiver):
    """Tells of what is broadcast. Its signature is checked once the secret is known."""

    def take(self, message: dict[str, Any]) -> None:
        say("received", message["id"], message["content"])


class Consumer:
    def __init__(self, wish: argparse.Namespace, url: str) -> None:
        self.wish = wish
        self.url = url
        self.broker = Broker()

    def consume(self, wait_seconds: int = 0) -> int:
        """Lease messages, do their work, acknowledge them; how many. Those not acknowledged in time come back."""
        topic, wish = self.wish.topic, self.wish
        leased = self.broker.consume(topic, wait_seconds, max=wish.max, lease_seconds=wish.lease)
        for message in leased:
            say("leased", message["id"], message["content"])
        for _ in leased:
            time.sleep(wish.work)
        settled = self.broker.settle(topic, ack=[message["receipt"] for message in leased]) if leased else {}
        for message in leased:
            # stale: this took longer than the lease, and another consumer has the message now
            verb = "stale" if message["receipt"] in settled["stale"] else "consumed"
            say(verb, message["id"], message["content"])
        return len(leased)

    def consume_all(self) -> None:
        count = 0
        while consumed := self.consume():
            count += consumed
        print("nothing waits" if not count else f"that was all: {count}", flush=True)

    def subscribe(self) -> None:
        answer = self.broker.subscribe(self.wish.topic, self.url, name=self.wish.name)
        Receiver.secret = answer.get("secret", Receiver.secret)
        say("subscribed", self.url)
        if "secret" in answer:
            say("secret", answer["secret"])
        elif not Receiver.secret:
            print("signatures are not checked: --secret is what the first subscribe told", flush=True)

    def unsubscribe(self) -> None:
        self.broker.unsubscribe(self.wish.topic, self.url)
        say("unsubscribed", self.url)

    def obey_keys(self) -> None:
        print(KEYS, flush=True)
        for line in sys.stdin:
            with explaining(end=False):
                match line.strip():
                    case "c":
                        self.consume_all()
                    case "s":
                        self.subscribe()
                    case "u":
                        self.unsubscribe()
                    case "q":
                        return
                    case _:
                        print(KEYS, flush=True)

    def obey_flags(self) -> None:
        wish = self.wish
        if wish.subscribe:
            self.subscribe()
        if wish.unsubscribe:
            self.unsubscribe()
        if wish.consume and wish.once:
            self.consume_all()
        while wish.consume and not wish.once:
            self.consume(wait_seconds=5)
        if not wish.once:
            threading.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="a", help="of the subscription")
    parser.add_argument("--topic", default="news")
    parser.add_argument("--port", type=int, default=7001, help="where webhooks come in; 0 takes a free one")
    parser.add_argument("--secret", default="", help="of the subscription, when an earlier run made it")
    parser.add_argument("--max", type=int, default=10, help="messages a lease")
    parser.add_argument("--lease", type=int, default=30, metavar="SECONDS", help="how long they are mine")
    parser.add_argument("--work", type=float, default=0, metavar="SECONDS", help="how long each takes")
    for action in ("subscribe", "unsubscribe", "consume", "once"):
        parser.add_argument(f"--{action}", action="store_true")
    wish = parser.parse_args()

    Receiver.secret = wish.secret
    with ThreadingHTTPServer(("127.0.0.1", wish.port), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        consumer = Consumer(wish, f"http://127.0.0.1:{server.server_port}/")
        print(f"receiving on {consumer.url}", flush=True)
        if wish.subscribe or wish.unsubscribe or wish.consume:
            consumer.obey_flags()
        else:
            consumer.obey_keys()


if __name__ == "__main__":
    with explaining():
        main()
