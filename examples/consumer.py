"""Consume messages and receive webhooks, in a terminal of its own: python examples/consumer.py --port 7001 --topic news

Keys, each with Enter: c consume all waiting messages, s subscribe, u unsubscribe, q quit. Flags instead of keys:
--consume consumes until Ctrl-C, or with --once until no message waits; --subscribe receives until Ctrl-C.
$BROKER is the broker's URL, $TOKEN the access token.
"""

import argparse
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from typing import Any

from receiver import Receiver
from terminal import explain_errors, say

from client import Broker

KEYS = "c consume    s subscribe    u unsubscribe    q quit    (and Enter)"


class Webhook(Receiver):
    """Prints the messages that the broker posts. Signatures are checked once the secret is known."""

    def take(self, message: dict[str, Any]) -> None:
        say("received", message["id"], message["content"])


class Consumer:
    """Does what the keys or the flags ask for."""

    def __init__(self, options: argparse.Namespace, url: str) -> None:
        self.options = options
        self.url = url
        self.broker = Broker()

    def consume(self, wait_seconds: int = 0) -> int:
        """Lease messages, work on them, acknowledge them; return how many. After its lease, one is ready again."""
        topic, options = self.options.topic, self.options
        leased = self.broker.consume(topic, wait_seconds, max=options.max, lease_seconds=options.lease)
        for message in leased:
            say("leased", message["id"], message["content"])
        for _ in leased:
            time.sleep(options.work)
        settled = self.broker.settle(topic, ack=[message["receipt"] for message in leased]) if leased else {}
        for message in leased:
            # stale: the lease has ended, and another consumer has the message now
            verb = "stale" if message["receipt"] in settled["stale"] else "consumed"
            say(verb, message["id"], message["content"])
        return len(leased)

    def consume_all(self) -> None:
        count = 0
        while consumed := self.consume():
            count += consumed
        print(f"no more messages wait; {count} consumed", flush=True)

    def subscribe(self) -> None:
        subscription = self.broker.subscribe(self.options.topic, self.url, name=self.options.name)
        Receiver.secret = subscription.get("secret", Receiver.secret)
        say("subscribed", self.url)
        if "secret" in subscription:
            say("secret", subscription["secret"])
        elif not Receiver.secret:
            print("signatures are not checked: give --secret, which the first subscribe printed", flush=True)

    def unsubscribe(self) -> None:
        self.broker.unsubscribe(self.options.topic, self.url)
        say("unsubscribed", self.url)

    def handle_keys(self) -> None:
        print(KEYS, flush=True)
        for line in sys.stdin:
            with explain_errors(end=False):
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

    def handle_flags(self) -> None:
        options = self.options
        if options.subscribe:
            self.subscribe()
        if options.unsubscribe:
            self.unsubscribe()
        if options.consume and options.once:
            self.consume_all()
        while options.consume and not options.once:
            self.consume(wait_seconds=5)
        if not options.once:
            threading.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="a", help="name of the subscription")
    parser.add_argument("--topic", default="news")
    parser.add_argument("--port", type=int, default=7001, help="port that receives webhooks; 0 takes a free one")
    parser.add_argument("--secret", default="", help="secret of the subscription, when an earlier run created it")
    parser.add_argument("--max", type=int, default=10, help="messages to lease at a time")
    parser.add_argument("--lease", type=int, default=30, metavar="SECONDS", help="how long a lease is")
    parser.add_argument(
        "--work", type=float, default=0, metavar="SECONDS", help="how long the work on each message takes"
    )
    for action in ("subscribe", "unsubscribe", "consume", "once"):
        parser.add_argument(f"--{action}", action="store_true")
    options = parser.parse_args()

    Receiver.secret = options.secret
    with ThreadingHTTPServer(("127.0.0.1", options.port), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        consumer = Consumer(options, f"http://127.0.0.1:{server.server_port}/")
        print(f"receiving on {consumer.url}", flush=True)
        if options.subscribe or options.unsubscribe or options.consume:
            consumer.handle_flags()
        else:
            consumer.handle_keys()


if __name__ == "__main__":
    with explain_errors():
        main()
