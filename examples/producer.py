"""Publish messages, in a terminal of its own: python examples/producer.py --name shop --topic news

Enter publishes a numbered message, a line of text publishes the text. With --rate 2 it needs no keys. Ctrl-C ends it.
$BROKER and $TOKEN say where, and as whom.
"""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from itertools import count

from client import Broker
from terminal import explaining, say


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="shop", help="sender of the messages")
    parser.add_argument("--topic", default="news")
    parser.add_argument("--rate", type=float, metavar="N", help="publish N messages a second")
    wish = parser.parse_args()
    if not wish.rate:
        print("Enter: publish a numbered message    text and Enter: publish the text    Ctrl-C: quit", flush=True)

    broker = Broker()
    numbers = count(1)
    for text in ticks(wish.rate) if wish.rate else (line.strip() for line in sys.stdin):
        content = text or f"{wish.name} {next(numbers)}"
        say("published", broker.publish(wish.topic, content, sender=wish.name), content)


def ticks(rate: float) -> Iterator[str]:
    """Tick `rate` times a second until a signal comes. It lets a publish end, so that each is told of."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    yield ""
    while not stopped.wait(1 / rate):
        yield ""


if __name__ == "__main__":
    with explaining():
        main()
