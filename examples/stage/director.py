"""Starts and ends the actors, listens to them, and keeps the view up to date meanwhile."""

import contextlib
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Self
from urllib.parse import urlsplit

from client import Broker, Problem
from rich.markup import escape
from stage.actors import Actor, Line
from stage.screen import Screen, View

PATIENCE_SECONDS = 30.0
FRAME_SECONDS = 0.12


class Stuck(Exception):
    """What the play waits for does not happen."""


class Director:
    def __init__(self, url: str, token: str, screen: Screen, view: View) -> None:
        self.broker = Broker(url, token)
        self.tally = view.tally
        self.ports: dict[str, int] = {}  # of the consumers' webhooks
        self.secrets: dict[str, str] = {}  # of their subscriptions
        self._where = {"BROKER": url, "TOKEN": token}
        self._screen = screen
        self._view = view
        self._actors: dict[str, Actor] = {}
        self._said: SimpleQueue[Line] = SimpleQueue()
        self._began = time.monotonic()
        self._next_frame = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self._actors.values():
            actor.stop()

    @property
    def now(self) -> float:
        return time.monotonic() - self._began

    @property
    def waiting(self) -> int:
        return self._view.waiting[-1][1]

    def start(self, program: str, name: str, flags: str) -> None:
        self._actors[name] = Actor(program, name, flags, self._said, **self._where)
        self._view.killed.discard(name)

    def stop(self, name: str) -> None:
        """Let it end what it is doing."""
        self._actors.pop(name).stop()
        self._hear_all()

    def kill(self, name: str) -> None:
        self._actors.pop(name).kill()
        self._view.killed.add(name)
        self._hear_all()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self._listen()

    def wait_until(self, what: str, true: Callable[[], object]) -> None:
        give_up = self.now + PATIENCE_SECONDS
        while not true():
            if self.now > give_up:
                raise Stuck(f"in vain for {PATIENCE_SECONDS:.0f} s: {what}")
            self._listen()

    def tell(self, line: str) -> None:
        """Add a line, in rich's markup, to the story."""
        self._view.now = self.now
        self._screen.tell(line)

    def show(self) -> None:
        self._view.now = self.now
        with contextlib.suppress(Problem):  # 404 until the topic's first subscription makes it
            topic = self.broker.request("GET", "/topics/news")
            self._view.waiting.append((self.now, topic["queue"]["waiting"]))
        self._screen.show()

    def _listen(self) -> None:
        """Hear one line, if there is one soon. Short, so that what waits for the line can act on it at once."""
        with contextlib.suppress(Empty):
            self._hear(self._said.get(timeout=FRAME_SECONDS))
        if self.now >= self._next_frame:
            self._next_frame = self.now + FRAME_SECONDS
            self.show()

    def _hear_all(self) -> None:
        while not self._said.empty():
            self._hear(self._said.get())

    def _hear(self, line: Line) -> None:
        match line.verb:
            case "published" | "leased" | "consumed" | "received" | "stale":
                self.tally.note(line.actor, line.verb, line.about, line.content, self.now)
            case "subscribed":
                self.ports[line.actor] = urlsplit(line.about).port or 0
            case "secret":
                self.secrets[line.actor] = line.about
            case "receiving":
                pass
            case "ended":
                if line.actor in self._actors:
                    raise Stuck(f"{line.actor} ended by itself")
            case _:
                self.tell(escape(f"{line.actor}: {line.verb} {line.about} {line.content}"))
