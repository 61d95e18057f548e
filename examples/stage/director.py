"""Start and stop the programs of the demo, read their lines, and keep the screen up to date."""

import contextlib
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Self
from urllib.parse import urlsplit

from rich.markup import escape
from stage.actors import Actor, Line
from stage.screen import Screen, View

from pgbroker import Broker, NotFound

PATIENCE_SECONDS = 30.0  # how long the demo waits for an effect
FRAME_SECONDS = 0.12  # from one update of the screen to the next


class Stuck(Exception):
    """An effect that the demo waits for was not seen in time."""


class Director:
    """Runs the programs and updates the screen. `wait` and `wait_until` read lines while they wait."""

    def __init__(self, url: str, token: str, screen: Screen, view: View) -> None:
        self.broker = Broker(url, token)
        self.tally = view.tally
        self.ports: dict[str, int] = {}  # of the consumers' webhook endpoints
        self.secrets: dict[str, str] = {}  # of their subscriptions
        self._environment = {"BROKER": url, "TOKEN": token}
        self._screen = screen
        self._view = view
        self._actors: dict[str, Actor] = {}
        self._lines: SimpleQueue[Line] = SimpleQueue()
        self._started_at = time.monotonic()
        self._next_frame = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors.values():
            actor.stop()
        self.broker.close()

    @property
    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started_at

    @property
    def waiting(self) -> int:
        """Return how many messages wait in the queue."""
        return self._view.waiting[-1][1]

    def start(self, program: str, name: str, flags: str) -> None:
        self._actors[name] = Actor(program, name, flags, self._lines, **self._environment)
        self._view.killed.discard(name)

    def stop(self, name: str) -> None:
        """Stop a program; it completes a publish that it has begun."""
        self._actors.pop(name).stop()
        self._handle_all()

    def kill(self, name: str) -> None:
        self._actors.pop(name).kill()
        self._view.killed.add(name)
        self._handle_all()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self._read_line()

    def wait_until(self, effect: str, condition: Callable[[], object]) -> None:
        give_up_at = self.now + PATIENCE_SECONDS
        while not condition():
            if self.now > give_up_at:
                raise Stuck(f"not seen within {PATIENCE_SECONDS:.0f} s: {effect}")
            self._read_line()

    def narrate(self, line: str) -> None:
        """Add a line, in rich's markup, to the story on the screen."""
        self._view.now = self.now
        self._screen.narrate(line)

    def show(self) -> None:
        """Update the screen, with the number of messages that wait."""
        self._view.now = self.now
        with contextlib.suppress(NotFound):  # until the first subscription creates the topic
            self._view.waiting.append((self.now, self.broker.read_topic("news").queue.waiting))
        self._screen.show()

    def _read_line(self) -> None:
        """Handle one line, if it arrives within a frame. Only one, so that `wait_until` can react to it at once."""
        with contextlib.suppress(Empty):
            self._handle(self._lines.get(timeout=FRAME_SECONDS))
        if self.now >= self._next_frame:
            self._next_frame = self.now + FRAME_SECONDS
            self.show()

    def _handle_all(self) -> None:
        while not self._lines.empty():
            self._handle(self._lines.get())

    def _handle(self, line: Line) -> None:
        match line.verb:
            case "published" | "leased" | "consumed" | "received" | "stale":
                self.tally.note(line.actor, line.verb, line.subject, line.content, self.now)
            case "subscribed":
                self.ports[line.actor] = urlsplit(line.subject).port or 0
            case "secret":
                self.secrets[line.actor] = line.subject
            case "receiving":
                pass
            case "ended":
                if line.actor in self._actors:
                    raise Stuck(f"{line.actor} ended unexpectedly")
            case _:
                self.narrate(escape(f"{line.actor}: {line.verb} {line.subject} {line.content}"))
