"""The books of a load: what producers and consumers were told, and what must follow from it."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Batch:
    """Messages of one publish. `ids` once it was acknowledged; `kind` is the kill that it was sent under."""

    numbers: list[int]
    kind: str
    keyed: bool  # repeated under one Idempotency-Key until it is acknowledged; else it is sent once
    ids: list[str] = field(default_factory=list)


class Ledger:
    """Written by many threads, each entry by one append; read when all of them have ended."""

    def __init__(self) -> None:
        self.kind = "none yet"
        self.kills: Counter[str] = Counter()
        self.batches: list[Batch] = []
        self.acknowledged: list[int] = []  # numbers
        self.delivered: list[tuple[int, str, int]] = []  # number, message id, receives
        self.confirmed: list[tuple[int, int, str]] = []  # number, receives of the lease whose ack was confirmed, kind
        self.gone: list[int] = []  # by a settle whose first try got no answer: that try or another lease was the end
        self.answers: list[tuple[str, str]] = []  # kind, status
        self.wrong: list[str] = []  # answers that no fault excuses

    def kinds(self) -> list[str]:
        return sorted({batch.kind for batch in self.batches})

    def stored(self) -> dict[int, set[str]]:
        """The ids under which each number was delivered."""
        stored: dict[int, set[str]] = defaultdict(set)
        for number, message_id, _ in self.delivered:
            stored[number].add(message_id)
        return stored

    def lost(self, kind: str) -> list[int]:
        """Messages that were acknowledged, and whose end no consumer was told."""
        ended = {number for number, _, _ in self.confirmed} | set(self.gone)
        return [number for batch in self._of(kind) if batch.ids for number in batch.numbers if number not in ended]

    def came_back(self, kind: str) -> list[int]:
        """Messages that were given out on a later lease than one whose ack was confirmed, or were confirmed twice."""
        ours = {number for batch in self._of(kind) for number in batch.numbers}
        ended: dict[int, int] = {}
        twice = []
        for number, receives, _ in self.confirmed:
            if number in ended:
                twice.append(number)
            ended[number] = min(receives, ended.get(number, receives))
        later = [number for number, _, receives in self.delivered if receives > ended.get(number, receives)]
        return [number for number in twice + later if number in ours]

    def twice(self, kind: str) -> list[int]:
        """Messages that are there under two ids, or under another than the acknowledged one."""
        stored = self.stored()
        return [
            number
            for batch in self._of(kind)
            for nth, number in enumerate(batch.numbers)
            if len(stored[number]) > 1 or (batch.ids and stored[number] - {batch.ids[nth]})
        ]

    def torn(self, kind: str) -> list[Batch]:
        """Publishes of which a part was stored."""
        stored = self.stored()
        return [batch for batch in self._of(kind) if len({bool(stored.get(number)) for number in batch.numbers}) > 1]

    def shared(self) -> list[tuple[int, str, int]]:
        """Leases that two consumers were given."""
        return [lease for lease, times in Counter(self.delivered).items() if times > 1]

    def table(self) -> str:
        """The counts of each kind of kill, in Markdown."""
        stored, answers = self.stored(), Counter(self.answers)
        heads = ("kill", "times", "acknowledged", "no 201", "stored", "acks", "lost", "back", "twice", "answers")
        rows = [heads]
        for kind in self.kinds():
            unsure = [number for batch in self._of(kind) if not batch.ids for number in batch.numbers]
            rows.append(
                (
                    kind,
                    str(self.kills[kind]),
                    str(sum(len(batch.ids) for batch in self._of(kind))),
                    str(len(unsure)),
                    str(sum(number in stored for number in unsure)),
                    str(sum(under == kind for _, _, under in self.confirmed)),
                    str(len(self.lost(kind))),
                    str(len(self.came_back(kind))),
                    str(len(self.twice(kind))),
                    ", ".join(f"{status} x {n}" for (under, status), n in sorted(answers.items()) if under == kind),
                )
            )
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])

    def _of(self, kind: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.kind == kind]
