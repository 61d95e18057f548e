"""Which messages each actor published, leased, consumed and received: counted from their lines, not by the broker."""

from bisect import bisect_left
from collections import defaultdict

RATE_SECONDS = 3.0


class Tally:
    """Ids of messages by actor and verb: published, leased, consumed, received, stale."""

    def __init__(self) -> None:
        self.last: dict[str, str] = {}  # the last content of each actor
        self._ids: dict[tuple[str, str], list[str]] = defaultdict(list)  # by actor and verb
        self._times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def note(self, actor: str, verb: str, identity: str, content: str, at: float) -> None:
        self.last[actor] = content
        self._ids[actor, verb].append(identity)
        self._times[actor, verb].append(at)

    def ids(self, verb: str, actor: str | None = None) -> set[str]:
        """Return the messages with this verb, of one actor or by default of all."""
        found = (ids for (name, its_verb), ids in self._ids.items() if its_verb == verb and actor in (None, name))
        return set[str]().union(*found)

    def count(self, verb: str, actor: str) -> int:
        return len(self._ids[actor, verb])

    def rate(self, verb: str, actor: str, now: float) -> float:
        """Return the messages a second, over the last RATE_SECONDS."""
        times = self._times[actor, verb]
        return (len(times) - bisect_left(times, now - RATE_SECONDS)) / RATE_SECONDS

    def held(self, actor: str) -> set[str]:
        """Return the messages that the actor leased and has not consumed."""
        return self.ids("leased", actor) - self.ids("consumed", actor)

    def done(self, consumers: tuple[str, ...]) -> set[str]:
        """Return the messages that one consumer consumed, or all consumers received."""
        return self.ids("consumed") | set.intersection(*(self.ids("received", name) for name in consumers))

    def lost(self, consumers: tuple[str, ...]) -> set[str]:
        """Return the messages that were published, and neither consumed nor received by all consumers."""
        return self.ids("published") - self.done(consumers)
