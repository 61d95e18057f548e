"""The steps of tests/test_model.py: each calls the broker and the model alike, and compares their answers."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from unittest.mock import ANY
from uuid import UUID

import pytest
from hypothesis import strategies as st

from broker import topics
from broker.dispatch import planner
from broker.errors import Conflict, InvalidInput, NotFound
from broker.pubsub import resends, subscriptions
from broker.pubsub.broadcasts import Broadcast
from broker.queue import dead_letters, leases
from broker.transport import payloads
from tests.support import webhook_ids
from tests.support.model import Model

URL = "http://127.0.0.1:8000/"
LATER = (
    "UPDATE queue SET ready_at = ready_at - {0}; UPDATE redeliveries SET due_at = due_at - {0};"
    "UPDATE cursors SET due_at = due_at - {0}, redelivery_due_at = redelivery_due_at - {0};"
    "UPDATE deliveries SET ends_at = ends_at - {0}; UPDATE topic_states SET next_due_at = next_due_at - {0}"
)

COUNT = st.integers(1, 3)
SIZE = st.sampled_from([1, 5, 5])  # 5: often more than there is, so a retry has a batch that could grow
SECONDS = st.sampled_from([60, 3600])  # far longer than an example runs: real time decides nothing
NAME = st.sampled_from(["one", "two", "three"])
NTH = st.integers(0, 8)  # counted from the newest
RECENT = st.sampled_from([0, 0, 0, 1, 1, 2, 4])
ACTION = st.sampled_from(
    [
        *["delivered"] * 3,
        "partly",
        "refused",
        "refused",
        "aborted",
        "aborted",
        "retry",
        "retry",
        "slow",
        "expired",
        "disable",
    ]
)
VERBS = st.sampled_from(["ack", "release", "extend", "reject"])


def step(weight=1, **arguments):
    """Mark what may be done, how often beside the others, and with which arguments."""

    def mark(method):
        method.weight, method.arguments = weight, st.fixed_dictionaries(arguments)
        return method

    return mark


def pick(things, nth):
    return things[-1 - nth % len(things)]


def sent(job):
    return json.loads(job.body)["messages"]


class QueueSteps:
    """Publish, consume, settle, and the end of leases and delays."""

    def __init__(self, orders, owner, met) -> None:
        super().__init__()
        self.orders, self.owner, self.met = orders, owner, met
        self.model = Model(max_receives=2)
        self.ids = []  # of the messages, by their numbers
        self.receipts = []  # each (number of the message, receives)
        topics.put("orders", topics.Put(max_receives=2))

    def written(self, receipt):
        number, receives = receipt
        return f"{self.ids[number]}.{receives}"

    @step(6, count=COUNT)
    def publish(self, count):
        self.ids += self.orders.publish(*self.model.publish(count))

    @step(2, maximum=COUNT)
    def limit_receives(self, maximum):
        self.model.max_receives = maximum
        topics.change("orders", topics.Patch(max_receives=maximum))

    @step(5, maximum=COUNT, seconds=SECONDS, auto_ack=st.sampled_from([False, False, False, True]))
    def consume(self, maximum, seconds, auto_ack):
        leased = self.orders.consume(maximum, lease_seconds=seconds, auto_ack=auto_ack)
        given = self.model.consume(maximum, seconds, auto_ack=auto_ack)
        assert self.orders.contents(leased) == [number for number, _ in given]
        assert [message.receives for message in leased] == [receives for _, receives in given]
        assert [message.receipt for message in leased] == [None if auto_ack else self.written(each) for each in given]
        self.met["auto-acked"] += auto_ack and len(given)
        self.receipts += [] if auto_ack else given

    @step(6, requests=st.dictionaries(NTH, st.tuples(VERBS, SECONDS), min_size=1, max_size=4))
    def settle(self, requests):
        if not self.receipts:
            return
        by_receipt = {pick(self.receipts, nth): options for nth, options in requests.items()}
        requests = [(verb, receipt, seconds) for receipt, (verb, seconds) in by_receipt.items()]
        request = {"ack": [], "release": [], "extend": [], "reject": []}
        for verb, receipt, seconds in requests:
            recorded = {"release": {"delay_seconds": seconds}, "extend": {"lease_seconds": seconds}}.get(verb, {})
            request[verb].append({"receipt": self.written(receipt), **recorded})

        settled = self.orders.settle(**request)

        states = self.model.settle([(verb, *receipt, seconds) for verb, receipt, seconds in requests])
        of = [(state, self.written(receipt)) for state, (_, receipt, _) in zip(states, requests, strict=True)]
        counts = [settled.acked, settled.released, settled.extended, settled.rejected]
        assert counts == [states.count(verb) for verb in request]
        assert sorted(settled.gone) == sorted(receipt for state, receipt in of if state == "gone")
        assert sorted(settled.stale) == sorted(receipt for state, receipt in of if state == "stale")
        self.met.update(states)

    @step(first=VERBS, second=VERBS)
    def settle_one_twice(self, first, second):
        for receipt in self.receipts[-1:]:
            request = {first: [self.written(receipt)]}
            request.setdefault(second, []).append(self.written(receipt))
            with pytest.raises(InvalidInput):
                self.orders.settle(**request)

    @step(6, seconds=SECONDS)
    def time_passes(self, seconds):
        self.model.pass_time(seconds)
        self.owner.execute(LATER.format(f"interval '{seconds} s'"))
        leases.forget()


class LogSteps(QueueSteps):
    """Broadcast, subscribe, unsubscribe, pause, plan batches and record their outcomes."""

    def __init__(self, orders, owner, met) -> None:
        super().__init__(orders, owner, met)
        self.named = {}  # the live subscriptions
        self.plans = []  # each (job, how many plans its subscription had by then, when in seconds of the model)
        self.received = defaultdict(list)  # what each subscription was sent in batches and took
        self.again = defaultdict(list)  # what it took that it had refused before
        self.attempted = defaultdict(list)  # when each was sent something, as far as an outcome came
        self.forgotten = set()  # the messages that no verb knows any more

    @step(4)
    def broadcast(self):
        moved = self.model.broadcast()
        last = len(self.model.log)
        first = last - moved + 1 if moved else None
        assert self.orders.broadcast() == Broadcast(moved, len(self.named), first, last, 0, due=ANY)
        self.compare_the_log()
        self.met["moved" if moved else "nothing moved"] += 1

    def compare_the_log(self):
        expected = [each for each in enumerate(self.model.log, 1) if each[1] not in self.forgotten]
        assert self.orders.log() == expected

    @step(5, name=NAME, batch_size=SIZE)
    def subscribe(self, name, batch_size):
        if name in self.named:
            assert self.orders.subscribe(URL, name=name).id == self.named[name].id
            return
        self.named[name] = self.orders.subscribe(URL, name=name, batch_size=batch_size)
        self.model.subscribe(self.named[name].id, batch_size)

    @step(name=NAME)
    def unsubscribe(self, name):
        if subscribed := self.named.pop(name, None):
            self.model.unsubscribe(subscribed.id)
            assert subscriptions.unsubscribe("orders", subscribed.id) == 1

    @step(3, name=NAME, paused=st.sampled_from([True, False, False]))
    def pause_or_resume(self, name, paused):
        if subscribed := self.named.get(name):
            (self.model.pause if paused else self.model.resume)(subscribed.id)
            self.orders.change(subscribed, paused=paused)

    @step(2, name=NAME)
    def enable(self, name):
        if subscribed := self.named.get(name):
            self.model.enable(subscribed.id)
            self.orders.change(subscribed, disabled=False)

    @step(2, name=NAME, batch_size=SIZE)
    def change_batch_size(self, name, batch_size):
        if subscribed := self.named.get(name):
            self.model.subscriptions[subscribed.id].batch_size = batch_size
            self.orders.change(subscribed, batch_size=batch_size)

    @step(2)
    def ask_when_the_next_is_due(self):
        next_due, [(now,)] = planner.next_due(), self.owner.execute("SELECT now()")
        if self.model.has_pending():  # else it may still name the time of what was removed or paused since
            assert next_due is not None
        assert (next_due is not None and next_due <= now) == bool(self.model.due())
        self.met[
            "something due"
            if self.model.due()
            else "something pending"
            if self.model.has_pending()
            else "nothing pending"
        ] += 1

    @step(9, limit=COUNT)
    def plan(self, limit):
        ranks = {key: rank for rank, key in self.model.due()}
        due = {key: self.model.subscriptions[key] for key in ranks}
        jobs = planner.plan(limit)
        keys = [job.subscription_id for job in jobs]
        resting = self.model.rest([key for _, key in self.model.due()[:limit]])
        assert set(keys) <= set(due)
        assert sorted([ranks[key] for key in keys + resting]) == sorted(ranks.values())[:limit]
        self.met["the same batch again"] += sum(due[key].batch is not None for key in keys)
        self.met["rested"] += len(resting)
        self.model.plan(keys, planner.LEASE_SECONDS)
        for job in jobs:
            self.compare(job, due[job.subscription_id])
        self.plans += [(job, due[job.subscription_id].planned, self.model.now[0]) for job in jobs]

    def compare(self, job, subscription):
        first, last, failures = subscription.cursor + 1, subscription.batch, subscription.failures
        name = webhook_ids.batch(job.subscription_id, *(UUID(message["id"]) for message in sent(job)))
        if subscription.redelivers is not None:
            first = last = self.model.log.index(subscription.redelivers) + 1
            failures = subscription.refused[subscription.redelivers].failures
            name = subscription.refused[subscription.redelivers].webhook_id
            name = name or webhook_ids.redelivery(job.subscription_id, job.redelivery)
            self.met["a redelivery"] += 1
        assert (job.first_seq, job.last_seq, job.attempt) == (first, last, failures + 1)
        assert job.webhook_id == name
        assert (job.redelivery is not None) == (subscription.redelivers is not None)
        assert [message["seq"] for message in sent(job)] == list(range(first, last + 1))

    @step(11, nth=RECENT, action=ACTION, seconds=SECONDS)
    def record(self, nth, action, seconds):
        """Record the outcome of a plan; also late, twice, or never."""
        if not self.plans:
            return
        job, plan, planned_at = pick(self.plans, nth)
        fence = job.fence - 1_000_000 * (self.model.now[0] - planned_at)  # LATER has moved the lease's end, which it is
        contents = [message["content"] for message in sent(job)]
        recorded, wait, named = self.recorded(job, action, seconds)
        asked_for = job.redelivery and self.delivered_before(job.subscription_id, contents[0])
        counts = self.model.record(job.subscription_id, plan, recorded, wait, contents[:1] if named else [])
        if counts and recorded == "delivered" and not asked_for:
            taken = self.again if job.redelivery else self.received
            taken[job.subscription_id] += contents[1:] if named else contents
        outcome = payloads.Outcome(
            job.subscription_id, fence, job.webhook_id, job.first_seq, job.last_seq, job.attempt, job.redelivery,
            datetime.now(UTC), 1, 200 if recorded == "delivered" else 503, None, None, recorded, wait, named,
        )  # fmt: skip
        planner.plan(0, [outcome])
        if recorded != "expired":
            self.attempted[job.subscription_id].append(outcome.started_at)
        self.met[action if counts else "an outcome too late"] += 1

    def recorded(self, job, action, seconds):
        """The action as it is recorded, its wait, and the messages it names as failed."""
        if job.redelivery:
            action = {"partly": "retry", "refused": "dead", "aborted": "dead"}.get(action, action)
        match action:
            case "partly":
                return "delivered", seconds, [sent(job)[0]["id"]]
            case "aborted":
                return "refused", None, None
            case "retry" | "refused" | "slow":
                return action, seconds, None
        return action, None, None

    def delivered_before(self, key, number):
        subscription = self.model.subscriptions.get(key)
        return subscription is not None and number in subscription.refused and subscription.refused[number].delivered

    @step(3, name=NAME, nth=NTH)
    def resend(self, name, nth):
        subscribed = self.named.get(name)
        if not subscribed or not self.model.log:
            return
        number = pick(self.model.log, nth)
        ask = partial(resends.resend, "orders", self.ids[number], resends.Resend(subscribed.id))
        if number in self.forgotten:
            with pytest.raises(NotFound):
                ask()
            return
        became = self.model.resend(subscribed.id, number)
        if became == "not resent":
            with pytest.raises(Conflict):
                ask()
        else:
            resent = ask()
            assert resent.seq == self.model.log.index(number) + 1
            asked_for = self.model.subscriptions[subscribed.id].refused[number]
            if became == "resent":
                asked_for.webhook_id = resent.webhook_id
            name = asked_for.webhook_id or webhook_ids.redelivery(subscribed.id, self.ids[number])
            assert resent.webhook_id == name
        self.met[became] += 1

    @step(5, name=NAME)
    def redrive_what_was_refused(self, name):
        if subscribed := self.named.get(name):
            options = dead_letters.Redrive(subscription=subscribed.id)
            dead = self.model.redrive(subscribed.id)
            assert dead_letters.redrive("orders", options).redriven == dead
            self.met["redriven" if dead else "nothing to redrive"] += 1
