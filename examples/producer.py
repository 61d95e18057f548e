"""Publish messages, in a terminal of its own: python examples/producer.py --name shop --topic news

Enter publishes a numbered message, a line of text publishes the text. With --rate 2 it publishes twice a second
instead. Ctrl-C ends it. $BROKER is the broker's URL, $TOKEN the access token.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import count

from terminal import explain_errors, say

from client import Broker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="shop", help="sender of the messages")
    parser.add_argument("--topic", default="news")
    parser.add_argument("--rate", type=float, metavar="N", help="publish N messages a second")
    options = parser.parse_args()
    if not options.rate:
        print("Enter: publish a numbered message    text and Enter: publish the text    Ctrl-C: quit", flush=True)

    broker = Broker()
    numbers = count(1)
    for text in ticks(options.rate) if options.rate else (line.strip() for line in sys.stdin):
        content = text or f"{options.name} {next(numbers)}"
        say("published", broker.publish(options.topic, content, sender=options.name), content)


def ticks(rate: float) -> Iterator[str]:
    """Yield `rate` times a second until a signal arrives. It does not interrupt a publish, so each is printed."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    yield ""
    while not stopped.wait(1 / rate):
        yield ""


if __name__ == "__main__":
    with explain_errors():
        main()
