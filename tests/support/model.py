"""What the broker promises of one topic, as a program of lists: no database, no locks, no clock but its own.

A time is (seconds, turn): only `pass_time` moves the seconds, and each call is a turn later than the one before.
"""

from dataclasses import dataclass, field
from typing import Any

Time = tuple[int, int]


@dataclass
class Message:
    number: int  # in the order of publishing
    max_receives: int
    ready_at: Time
    receives: int = 0
    on_lease: bool = False
    died_of: str | None = None

    @property
    def exhausted(self) -> bool:
        return self.receives >= self.max_receives


@dataclass
class Refused:
    """A message that a subscription refused, or was asked for once more: it is sent again on its own."""

    due_at: Time
    failures: int = 1
    dead: bool = False
    delivered: bool = False  # it was before, or its broadcast was before the subscription
    webhook_id: str | None = None  # of one that was asked for


@dataclass
class Subscription:
    """A reader of the log. `batch` is the last seq of the batch under way, or to be tried again.

    Without a time of its own, `due_at`, it rests until the log goes on, or until a refused message is due.
    """

    begins: int
    cursor: int
    batch_size: int
    due_at: Time | None = None
    batch: int | None = None
    planned: int = 0  # how many batches were
    open: bool = False  # the last plan has no outcome yet
    leased_until: Time = (0, 0)
    redelivers: int | None = None  # the last plan sent this message again, on its own
    refused: dict[int, Refused] = field(default_factory=dict)
    failures: int = 0
    paused: bool = False
    disabled: bool = False

    @property
    def stopped(self) -> bool:
        return self.paused or self.disabled

    def next_again(self, now: Time) -> int | None:
        """The refused message that is due to be sent again."""
        due = [(each.due_at, number) for number, each in self.refused.items() if not each.dead and each.due_at <= now]
        return min(due)[1] if due else None


class Model:
    def __init__(self, max_receives: int) -> None:
        self.now: Time = (0, 0)
        self.max_receives = max_receives
        self.published = 0
        self.queue: dict[int, Message] = {}
        self.log: list[int] = []
        self.subscriptions: dict[Any, Subscription] = {}

    def pass_time(self, seconds: int) -> None:
        self.now = (self.now[0] + seconds, self.now[1])

    def later(self, seconds: int) -> Time:
        return (self.now[0] + seconds, self.now[1])

    def waiting(self) -> list[Message]:
        """What is not dead, in the order in which it will be taken."""
        alive = [message for message in self.queue.values() if not message.died_of]
        return sorted(alive, key=lambda message: (message.ready_at, message.number))

    def publish(self, count: int) -> list[int]:
        self._turn()
        numbers = list(range(self.published, self.published + count))
        self.queue |= {number: Message(number, self.max_receives, self.now) for number in numbers}
        self.published += count
        return numbers

    def consume(self, maximum: int, lease_seconds: int, *, auto_ack: bool) -> list[tuple[int, int]]:
        """The number and the receives of each message that is given."""
        self._turn()
        given: list[tuple[int, int]] = []
        for message in self._ready():
            if len(given) == maximum:
                break
            if message.exhausted:
                message.died_of = "receives exhausted"
                continue
            message.receives += 1
            message.on_lease, message.ready_at = True, self.later(lease_seconds)
            given.append((message.number, message.receives))
            if auto_ack:
                del self.queue[message.number]
        return given

    def settle(self, requests: list[tuple[str, int, int, int]]) -> list[str]:
        """What becomes of each (verb, number, fence, seconds): its verb, gone or stale. All are judged, then done."""
        self._turn()
        states = [self._judge(verb, self.queue.get(number), fence) for verb, number, fence, _ in requests]
        for (verb, number, _, seconds), state in zip(requests, states, strict=True):
            if state == verb:
                self._end_lease(verb, self.queue[number], seconds)
        return states

    def broadcast(self) -> int:
        """Move what is ready to the log; how many that were."""
        self._turn()
        if not self.subscriptions:
            return 0
        before = len(self.log)
        for message in self._ready():
            if message.exhausted:
                message.died_of = "receives exhausted"
            else:
                self.log.append(self.queue.pop(message.number).number)
        return len(self.log) - before

    def subscribe(self, key: Any, batch_size: int) -> None:
        self._turn()
        end = len(self.log)
        self.subscriptions[key] = Subscription(end, end, batch_size)

    def unsubscribe(self, key: Any) -> None:
        self._turn()
        del self.subscriptions[key]

    def pause(self, key: Any) -> None:
        self._turn()
        self.subscriptions[key].paused = True

    def resume(self, key: Any) -> None:
        self._turn()
        subscription = self.subscriptions[key]
        waits = subscription.due_at is not None and subscription.due_at > self.now
        if subscription.paused or waits:
            subscription.paused = False
            self._begin_anew(subscription)

    def enable(self, key: Any) -> None:
        self._turn()
        subscription = self.subscriptions[key]
        if subscription.disabled:
            subscription.disabled = False
            self._begin_anew(subscription)

    def redrive(self, key: Any) -> int:
        """Redrive the dead letters of a subscription, with all attempts; how many there are."""
        self._turn()
        dead = [each for each in self.subscriptions[key].refused.values() if each.dead]
        for each in dead:
            each.dead, each.failures, each.due_at = False, 0, self.now
        return len(dead)

    def resend(self, key: Any, number: int) -> str:
        """Ask for a message of the log once more; what becomes of that."""
        self._turn()
        subscription = self.subscriptions[key]
        if subscription.disabled or self.log.index(number) >= subscription.cursor:
            return "not resent"
        found = subscription.refused.get(number)
        if found and not found.dead:
            found.due_at = min(found.due_at, self.now)
            return "resent once"
        subscription.refused[number] = Refused(self.now, 0, delivered=found.delivered if found else True)
        return "resent"

    def due(self) -> list[tuple[Any, Any]]:
        """What Dispatch looks at: each rank with its subscription, in order. Those of one rank come in any order.

        First come those with a time of their own, before others those that did not fail, the longest due first; then
        those that rest and have a refused message to be sent again, and then those that rest and are behind.
        """
        found: list[tuple[Any, Any]] = []
        for key, each in self.subscriptions.items():
            if each.stopped or each.leased_until > self.now:
                continue
            again = each.next_again(self.now)
            if each.due_at is not None:
                if each.due_at <= self.now:
                    found.append(((1 if each.failures else 0, each.due_at), key))
            elif again is not None:
                found.append(((2, each.refused[again].due_at), key))
            elif each.cursor < len(self.log):
                found.append(((3,), key))
        return sorted(found, key=lambda ranked: ranked[0])

    def rest(self, keys: list[Any]) -> list[Any]:
        """Let those of these rest that have nothing to be sent, though their time has come; which ones."""
        resting = [key for key in keys if self._has_nothing_due(self.subscriptions[key])]
        for key in resting:
            self.subscriptions[key].due_at = None
        return resting

    def _has_nothing_due(self, subscription: Subscription) -> bool:
        return subscription.cursor == len(self.log) and subscription.next_again(self.now) is None

    def has_pending(self) -> bool:
        """Whether anything is to be sent to anybody, now or later, besides what is on lease."""
        return any(
            subscription.cursor < len(self.log) or any(not each.dead for each in subscription.refused.values())
            for subscription in self.subscriptions.values()
            if not subscription.stopped and subscription.leased_until <= self.now
        )

    def plan(self, keys: list[Any], lease_seconds: int) -> None:
        """Decide what each is sent next: its next batch, or what it refused, by turns.

        A batch that was planned before and has not arrived stays as it is.
        """
        self._turn()
        for subscription in (self.subscriptions[key] for key in keys):
            end = len(self.log)
            again = subscription.next_again(self.now)
            if subscription.redelivers is not None and subscription.cursor < end:
                again = None
            subscription.redelivers = again
            if again is None:
                subscription.batch = subscription.batch or min(subscription.cursor + subscription.batch_size, end)
            subscription.leased_until = self.later(lease_seconds)
            subscription.planned += 1
            subscription.open = True

    def record(self, key: Any, plan: int, action: str, retry_seconds: int | None, named: list[int]) -> bool:
        """Take the outcome of the nth plan; False when it does not count: another plan came, or it was recorded before.

        `named` are the messages that a delivered batch is named as failed.
        """
        self._turn()
        subscription = self.subscriptions.get(key)
        if subscription is None or subscription.planned != plan or not subscription.open:
            return False
        subscription.open = False
        subscription.leased_until = self.now
        wait = self.later(retry_seconds or 0)
        if subscription.redelivers is not None:
            self._redelivered(subscription, subscription.redelivers, action, wait)
        elif action in {"delivered", "refused"}:
            batch = self.log[subscription.cursor : subscription.batch]
            leaving = batch if action == "refused" else named
            subscription.refused |= {number: Refused(wait, dead=retry_seconds is None) for number in leaving}
            subscription.cursor = subscription.batch or subscription.cursor
            subscription.batch, subscription.failures = None, 0
        elif action not in {"slow", "expired"}:
            subscription.failures += 1
        subscription.disabled = subscription.disabled or action == "disable"
        subscription.due_at = None
        if action == "slow" or (action == "retry" and subscription.redelivers is None):
            subscription.due_at = wait
        elif subscription.cursor < len(self.log) and not subscription.stopped:
            subscription.due_at = self.now  # the call that records leases it at once, or gives it this time
        return True

    def needs(self, number: int) -> bool:
        """Whether a message may be given or sent again: it waits or is dead, or is not delivered everywhere."""
        seq = self.log.index(number) + 1 if number in self.log else 0
        return number in self.queue or any(
            seq > each.cursor or number in each.refused for each in self.subscriptions.values()
        )

    def state(self, number: int) -> tuple[str, int | None]:
        """What a message has become, and its seq."""
        if number in self.log:
            return "broadcast", self.log.index(number) + 1
        message = self.queue.get(number)
        if message is None:
            return "consumed", None
        if message.died_of:
            return "dead", None
        return ("leased" if message.on_lease and message.ready_at > self.now else "waiting"), None

    def _redelivered(self, subscription: Subscription, number: int, action: str, wait: Time) -> None:
        if action == "delivered":
            del subscription.refused[number]
        elif action in {"retry", "dead"}:
            refused = subscription.refused[number]
            refused.failures, refused.due_at, refused.dead = refused.failures + 1, wait, action == "dead"

    def _begin_anew(self, subscription: Subscription) -> None:
        subscription.failures, subscription.due_at = 0, self.now

    def _turn(self) -> None:
        self.now = (self.now[0], self.now[1] + 1)

    def _ready(self) -> list[Message]:
        return [message for message in self.waiting() if message.ready_at <= self.now]

    def _judge(self, verb: str, message: Message | None, fence: int) -> str:
        if message is None:
            return "gone"
        if message.receives > fence:
            return "stale"
        return verb if message.on_lease else "gone"

    def _end_lease(self, verb: str, message: Message, seconds: int) -> None:
        if verb == "ack":
            del self.queue[message.number]
            return
        message.on_lease = verb == "extend"
        message.ready_at = self.later(seconds)
        message.died_of = None
        if verb == "reject":
            message.died_of = "rejected"
        elif verb == "release" and message.exhausted:
            message.died_of = "receives exhausted"
