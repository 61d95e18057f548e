"""Show the broker on one screen, with two producers and two consumers, one of which is killed. `make demo`

The exit status is 0 only if nothing was lost: each message was consumed, or broadcast to both consumers.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from stage.actors import end_on_signals
from stage.director import Director, Stuck
from stage.screen import Screen, View

from pgbroker.testing.running import NotStarted, running

ROOT = Path(__file__).parents[1]
PRODUCERS, CONSUMERS = ("shop", "till"), ("a", "b")
PRODUCER = "--topic news --rate 6"
# consumes under 6 messages a second, so that some wait
CONSUMER = "--topic news --consume --subscribe --max 5 --work 0.18 --lease 3"


def play(director: Director, seconds: float) -> None:
    """Run the steps of the demo; each waits until its effect is seen. Raises Stuck when it is not seen in time."""
    narrate, wait, wait_until, tally = director.narrate, director.wait, director.wait_until, director.tally

    for name in CONSUMERS:
        director.start("consumer.py", name, f"{CONSUMER} --port 0")
    wait_until("both subscribe", lambda: len(director.secrets) == len(CONSUMERS))
    for name in PRODUCERS:
        director.start("producer.py", name, PRODUCER)
    narrate("shop and till publish 12 messages a second; a and b share them")
    wait(seconds * 0.25)

    before = tally.count("leased", "b")
    wait_until("b leases some", lambda: tally.count("leased", "b") > before and len(tally.held("b")) > 1)
    director.kill("b")
    held = tally.held("b")
    narrate(f"[red]b is killed[/] (kill -9), with {len(held)} messages on lease")
    wait_until("a consumes them", lambda: held <= tally.ids("consumed", "a"))
    narrate(f"ready again after their lease of 3 s: [green]a consumed all {len(held)}[/]")
    wait(seconds * 0.08)

    wait_until("messages wait", lambda: director.waiting > 10)
    sent = director.broker.broadcast("news").messages
    narrate(f"[cyan]broadcast[/]: {sent} messages to a now, and to b when it runs again")
    wait_until("a receives the broadcast", lambda: len(tally.ids("received", "a")) == sent)
    wait(seconds * 0.1)
    director.start("consumer.py", "b", f"{CONSUMER} --port {director.ports['b']} --secret {director.secrets['b']}")
    narrate("b is [green]started again[/]")
    wait_until("b receives it too", lambda: len(tally.ids("received", "b")) == sent)
    narrate(f"the broadcast is retried after 5 s: [green]b received the {sent}[/]")
    wait(seconds * 0.85 - director.now)

    for name in PRODUCERS:
        director.stop(name)
    narrate("the producers stop")
    wait_until("the queue is empty", lambda: not tally.lost(CONSUMERS))
    narrate("the queue is empty")
    for name in CONSUMERS:
        director.broker.unsubscribe_url("news", f"http://127.0.0.1:{director.ports[name]}/")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="how long the demo takes, at least 10")
    seconds = max(10.0, parser.parse_args().seconds)

    end_on_signals()
    view = View(seconds, PRODUCERS, CONSUMERS)
    with tempfile.TemporaryDirectory(prefix="broker-demo-") as data:
        print("starting a broker for the demo only; its data is deleted afterwards", flush=True)
        with (
            running(ROOT, Path(data)) as (url, token),
            Screen(view) as screen,
            Director(url, token, screen, view) as director,
        ):
            try:
                play(director, seconds)
                view.complete = True
            except Stuck as error:
                director.narrate(f"[red]{error}[/]")
            director.show()
    return print_summary(view)


def print_summary(view: View) -> int:
    """Print what was published, consumed, broadcast and lost; return the exit status."""
    tally = view.tally
    published, consumed, lost = tally.ids("published"), tally.ids("consumed"), tally.lost(CONSUMERS)
    received = tally.ids("received", "a") & tally.ids("received", "b")
    by = ", ".join(f"{name} {tally.count('consumed', name)}" for name in CONSUMERS)
    print(f"{len(published)} published: {len(consumed)} consumed ({by}), {len(received)} broadcast to both")
    print(f"{len(lost) or 'none'} lost" + ("" if view.complete else "; the demo stopped before its end"))
    return int(bool(lost) or not view.complete)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotStarted as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
