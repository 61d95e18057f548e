"""The step of the model that removes partitions, and what may no longer be shown afterwards."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from broker import topics
from broker.pubsub import attempts, reading
from broker.queue import browsing, dead_letters
from broker.schema import maintenance
from tests.support.model_steps import LogSteps, step

RETENTION, WIDTH = "50 ms", "500 ms"  # of partitions: an example takes longer
FAR = timedelta(seconds=30)  # each wait of the model is longer
OF_THE_LAST_ATTEMPT = ("attempt", "attempted_at", "reason")  # of a delivery: it is history
COMPARED_APART = ("due_at", "last_attempt")  # of a subscription: its last attempt is history too
TRACES = "SELECT to_json(r) FROM unnest(%s::uuid[]) i (id), broker.trace_message('orders', i.id) r ORDER BY r.id"


class MaintenanceSteps(LogSteps):
    """Maintain: what is needed of the partitions that leave is shown as before, and the rest is forgotten."""

    def __init__(self, orders, owner, met) -> None:
        super().__init__(orders, owner, met)
        self.removed = []  # each partition that was, from when to when

    @step(2)
    def maintain(self):
        bounds = {
            name: (begins_at, ends_at)
            for name, begins_at, ends_at in self.owner.execute("SELECT name, begins_at, ends_at FROM partitions")
        }
        before = self.shown()

        done = maintenance.maintain()

        assert (done.lost, done.ended, done.kept) == (0, 0, [])
        assert self.shown() == before
        self.removed += [bounds[name] for name in done.removed]
        forgotten = {
            number
            for number, message_id in enumerate(self.ids)
            if self.has_left(published_at(message_id)) and not self.model.needs(number)
        }
        kept = Counter(self.model.state(self.ids.index(message_id))[0] for message_id in self.kept())
        assert self.forgotten <= forgotten
        self.met.update(f"a {state} message kept" for state in kept)
        self.met["a partition removed"] += len(done.removed)
        self.met["a message forgotten"] += len(forgotten - self.forgotten)
        self.forgotten = forgotten
        self.compare_the_log()
        self.compare_attempts()

    def has_left(self, moment):
        return any(begins_at <= moment < ends_at for begins_at, ends_at in self.removed)

    def kept(self):
        """The messages that were moved aside: those that are needed of the partitions that left, and no others."""
        kept = [message_id for (message_id,) in self.owner.execute("SELECT id FROM kept_messages ORDER BY id")]
        assert kept == [
            message_id
            for number, message_id in enumerate(self.ids)
            if self.has_left(published_at(message_id)) and self.model.needs(number)
        ]
        return kept

    def shown(self):
        """What the verbs show of the topic and its subscriptions, and of each message that is needed."""
        of_each = [None, *(subscribed.id for subscribed in self.named.values())]
        needed = [self.ids[number] for number in range(len(self.ids)) if self.model.needs(number)]
        traces = [trace for (trace,) in self.owner.execute(TRACES, [needed])]
        for delivery in (delivery for trace in traces for delivery in trace["deliveries"] or []):
            delivery["due_at"] = soon(delivery["due_at"] and datetime.fromisoformat(delivery["due_at"]))
            for name in OF_THE_LAST_ATTEMPT:
                del delivery[name]
        listed = reading.list_subscriptions("orders", None, 100).items
        return (
            topics.read("orders"),
            [
                (*(getattr(each, name) for name in each.__slots__ if name not in COMPARED_APART), soon(each.due_at))
                for each in listed
            ],
            browsing.browse("orders", browsing.Browse(limit=1000)),
            [dead_letters.list_dead_letters("orders", dead_letters.List(subscription=key)) for key in of_each],
            traces,
        )

    def compare_attempts(self):
        for key in self.model.subscriptions:
            expected = [moment for moment in self.attempted[key] if not self.has_left(moment)]
            found = attempts.list_attempts("orders", key, attempts.List(limit=1000)).items
            assert [each.started_at for each in found] == expected[::-1]
            self.met["an attempt forgotten"] += len(self.attempted[key]) - len(expected)


def published_at(message_id):
    return datetime.fromtimestamp((message_id.int >> 80) / 1000, UTC)


def soon(due_at):
    """A time that is now, for whatever asks, or the time itself."""
    return "now" if due_at and due_at < datetime.now(UTC) + FAR else due_at
