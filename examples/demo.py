"""The broker at work, on one screen: two producers and two consumers, of which one is killed. `make demo`

The exit status is 0 only if nothing was lost: each message was consumed, or broadcast to both consumers.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from stage.actors import broker, end_on_signals
from stage.director import Director, Stuck
from stage.screen import Screen, View

PRODUCERS, CONSUMERS = ("shop", "till"), ("a", "b")
PRODUCER = "--topic news --rate 6"
CONSUMER = "--topic news --consume --subscribe --max 5 --work 0.18 --lease 3"  # under 6 a second


def play(director: Director, seconds: float) -> None:
    """Act after act; each waits for what it tells of. Raises Stuck when that does not happen."""
    tell, wait, wait_until, tally = director.tell, director.wait, director.wait_until, director.tally

    for name in CONSUMERS:
        director.start("consumer.py", name, f"{CONSUMER} --port 0")
    wait_until("both subscribe", lambda: len(director.secrets) == len(CONSUMERS))
    for name in PRODUCERS:
        director.start("producer.py", name, PRODUCER)
    tell("shop and till publish 12 messages a second; a and b share them")
    wait(seconds * 0.25)

    before = tally.count("leased", "b")
    wait_until("b leases some", lambda: tally.count("leased", "b") > before and len(tally.held("b")) > 1)
    director.kill("b")
    held = tally.held("b")
    tell(f"[red]b is killed[/] (kill -9), with {len(held)} messages on lease")
    wait_until("they come back", lambda: held <= tally.of("consumed", "a"))
    tell(f"back after their lease of 3 s, and in their turn: [green]a has all {len(held)}[/]")
    wait(seconds * 0.08)

    wait_until("messages wait", lambda: director.waiting > 10)
    sent = director.broker.broadcast("news")["messages"]
    tell(f"[cyan]broadcast[/]: {sent} messages to a, and to b as soon as it is up")
    wait_until("a receives the broadcast", lambda: len(tally.of("received", "a")) == sent)
    wait(seconds * 0.1)
    director.start("consumer.py", "b", f"{CONSUMER} --port {director.ports['b']} --secret {director.secrets['b']}")
    tell("b is [green]started again[/]")
    wait_until("b receives it too", lambda: len(tally.of("received", "b")) == sent)
    tell(f"the broadcast is tried again after 5 s: [green]b received the {sent}[/]")
    wait(seconds * 0.85 - director.now)

    for name in PRODUCERS:
        director.stop(name)
    tell("the producers stop")
    wait_until("the queue is empty", lambda: not tally.lost(CONSUMERS))
    tell("the queue is empty")
    for name in CONSUMERS:
        director.broker.unsubscribe("news", f"http://127.0.0.1:{director.ports[name]}/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="how long it is to take, 10 at least")
    seconds = max(10.0, parser.parse_args().seconds)

    end_on_signals()
    view = View(seconds, PRODUCERS, CONSUMERS)
    with tempfile.TemporaryDirectory(prefix="broker-demo-") as data:
        print("starting a broker of the demo's own; its data is thrown away afterwards", flush=True)
        with broker(Path(data)) as (url, token), Screen(view) as screen, Director(url, token, screen, view) as director:
            try:
                play(director, seconds)
                view.complete = True
            except Stuck as reason:
                director.tell(f"[red]{reason}[/]")
            director.show()
    return summary(view)


def summary(view: View) -> int:
    tally = view.tally
    published, consumed, lost = tally.of("published"), tally.of("consumed"), tally.lost(CONSUMERS)
    received = tally.of("received", "a") & tally.of("received", "b")
    by = ", ".join(f"{name} {tally.count('consumed', name)}" for name in CONSUMERS)
    print(f"{len(published)} published: {len(consumed)} consumed ({by}), {len(received)} broadcast to both")
    print(f"{len(lost) or 'none'} lost" + ("" if view.complete else "; the demo did not come to its end"))
    return int(bool(lost) or not view.complete)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
