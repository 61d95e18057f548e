"""Who published, leased, consumed and received what: counted from the actors' own lines, not asked of the broker."""

from bisect import bisect_left
from collections import defaultdict

RATE_SECONDS = 3.0


class Tally:
    def __init__(self) -> None:
        self.last: dict[str, str] = {}  # what each actor handled last
        self._ids: dict[tuple[str, str], list[str]] = defaultdict(list)  # by actor and verb
        self._times: dict[tuple[str, str], list[float]] = defaultdict(list)

    def note(self, actor: str, verb: str, identity: str, content: str, at: float) -> None:
        self.last[actor] = content
        self._ids[actor, verb].append(identity)
        self._times[actor, verb].append(at)

    def of(self, verb: str, actor: str | None = None) -> set[str]:
        """The messages that the actor, or by default anyone, published, leased, consumed or received."""
        found = (ids for (who, what), ids in self._ids.items() if what == verb and actor in (None, who))
        return set[str]().union(*found)

    def count(self, verb: str, actor: str) -> int:
        return len(self._ids[actor, verb])

    def rate(self, verb: str, actor: str, now: float) -> float:
        """Messages a second, lately."""
        times = self._times[actor, verb]
        return (len(times) - bisect_left(times, now - RATE_SECONDS)) / RATE_SECONDS

    def held(self, actor: str) -> set[str]:
        """What the actor leased and has not consumed."""
        return self.of("leased", actor) - self.of("consumed", actor)

    def done(self, consumers: tuple[str, ...]) -> set[str]:
        """What someone consumed, or all consumers received."""
        return self.of("consumed") | set.intersection(*(self.of("received", name) for name in consumers))

    def lost(self, consumers: tuple[str, ...]) -> set[str]:
        return self.of("published") - self.done(consumers)
