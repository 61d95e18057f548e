"""The ledger of a load: the responses that producers and consumers got, and the faults that it shows."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Batch:
    """The messages of one publish. `ids` is set once it was acknowledged; `kind` is the kill of its round."""

    numbers: list[int]
    kind: str
    keyed: bool  # repeated under one Idempotency-Key until it is acknowledged; otherwise sent once
    ids: list[str] = field(default_factory=list)


class Ledger:
    """Many threads write it, each entry with one append; it is read after all of them have ended."""

    def __init__(self) -> None:
        self.kind = "none yet"
        self.kills: Counter[str] = Counter()
        self.batches: list[Batch] = []
        self.acknowledged: list[int] = []  # numbers
        self.delivered: list[tuple[int, str, int]] = []  # number, message id, receives
        self.confirmed: list[tuple[int, int, str]] = []  # number, receives of the lease, kind: the ack was confirmed
        self.gone: list[int] = []  # numbers: a repeated settle found them settled before
        self.responses: list[tuple[str, str]] = []  # kind, status
        self.wrong: list[str] = []  # responses that no fault excuses

    def kinds(self) -> list[str]:
        return sorted({batch.kind for batch in self.batches})

    def ids_by_number(self) -> dict[int, set[str]]:
        """The ids with which each number was delivered."""
        ids: dict[int, set[str]] = defaultdict(set)
        for number, message_id, _ in self.delivered:
            ids[number].add(message_id)
        return ids

    def lost_messages(self, kind: str) -> list[int]:
        """Messages that were acknowledged, and that no consumer has settled."""
        ended = {number for number, _, _ in self.confirmed} | set(self.gone)
        return [
            number for batch in self._batches_of(kind) if batch.ids for number in batch.numbers if number not in ended
        ]

    def returned_messages(self, kind: str) -> list[int]:
        """Messages that were leased again after a confirmed ack, or whose ack was confirmed twice."""
        numbers = {number for batch in self._batches_of(kind) for number in batch.numbers}
        ended: dict[int, int] = {}
        twice = []
        for number, receives, _ in self.confirmed:
            if number in ended:
                twice.append(number)
            ended[number] = min(receives, ended.get(number, receives))
        later = [number for number, _, receives in self.delivered if receives > ended.get(number, receives)]
        return [number for number in twice + later if number in numbers]

    def duplicated_messages(self, kind: str) -> list[int]:
        """Messages that were stored with two ids, or with another id than the acknowledged one."""
        stored = self.ids_by_number()
        return [
            number
            for batch in self._batches_of(kind)
            for nth, number in enumerate(batch.numbers)
            if len(stored[number]) > 1 or (batch.ids and stored[number] - {batch.ids[nth]})
        ]

    def partial_batches(self, kind: str) -> list[Batch]:
        """Publishes of which only a part was stored."""
        stored = self.ids_by_number()
        return [
            batch for batch in self._batches_of(kind) if len({bool(stored.get(number)) for number in batch.numbers}) > 1
        ]

    def leases_given_twice(self) -> list[tuple[int, str, int]]:
        """Leases that two consumers got."""
        return [lease for lease, times in Counter(self.delivered).items() if times > 1]

    def table(self) -> str:
        """The counts for each kind of kill, as a Markdown table."""
        stored, responses = self.ids_by_number(), Counter(self.responses)
        heads = ("kill", "times", "acknowledged", "no 201", "stored", "acks", "lost", "back", "twice", "responses")
        rows = [heads]
        for kind in self.kinds():
            unacknowledged = [number for batch in self._batches_of(kind) if not batch.ids for number in batch.numbers]
            rows.append(
                (
                    kind,
                    str(self.kills[kind]),
                    str(sum(len(batch.ids) for batch in self._batches_of(kind))),
                    str(len(unacknowledged)),
                    str(sum(number in stored for number in unacknowledged)),
                    str(sum(kill == kind for _, _, kill in self.confirmed)),
                    str(len(self.lost_messages(kind))),
                    str(len(self.returned_messages(kind))),
                    str(len(self.duplicated_messages(kind))),
                    ", ".join(f"{status} x {n}" for (kill, status), n in sorted(responses.items()) if kill == kind),
                )
            )
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|---" * len(heads) + "|", *lines[1:]])

    def _batches_of(self, kind: str) -> list[Batch]:
        return [batch for batch in self.batches if batch.kind == kind]
