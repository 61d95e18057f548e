"""Ten thousand steps at random: the same calls on PostgreSQL and on a model of lists, and the same is seen after each.

They are the same steps at each run; `pytest tests/test_model.py --hypothesis-seed=7` goes another way.
"""

import inspect
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from broker.pubsub import subscriptions
from tests.support import sql_calls
from tests.support.model_steps import NTH, URL, LogSteps, pick, step

EXAMPLES, LENGTH = 220, 50  # some end early: 10,000 steps at least
MET = {  # what a run must come by, or it says little
    *("ack", "release", "extend", "reject", "gone", "stale", "receives exhausted", "auto-acked"),
    *("moved", "nothing moved", "delivered", "retry", "disable", "an outcome too late", "the same batch again"),
    *("partly", "refused", "aborted", "slow", "a redelivery", "redriven"),
    *("something due", "something owed", "nothing owed"),
    *("crash", "rollback"),
}
QUEUE = (
    "SELECT q.message_id, q.receives, q.leased_at IS NOT NULL, CASE WHEN q.died_at IS NOT NULL THEN q.reason END"
    " FROM queue q"
    " ORDER BY q.died_at IS NOT NULL, CASE WHEN q.died_at IS NULL THEN q.ready_at END, q.message_id"
)
FATES = (
    "SELECT r.state, r.seq FROM unnest(%s::uuid[]) WITH ORDINALITY i (id, nth), broker.trace_message('orders', i.id) r"
    " ORDER BY i.nth"
)
EMPTY = "DELETE FROM topics WHERE name = 'orders'" + "".join(
    f"; DELETE FROM {table}"
    for table in ("queue", "messages", "log", "log_spans", "subscriptions", "redeliveries", "attempts")
)
DOOR = {
    "publish": sql_calls.PUBLISH,
    "consume": "SELECT FROM broker.consume('orders', 2)",
    "auto-ack": "SELECT FROM broker.consume('orders', 2, p_auto_ack => true)",
    "broadcast": sql_calls.BROADCAST,
    "subscribe": f"SELECT FROM broker.subscribe('orders', 'door', 'whsec_', jsonb_build_object('url', '{URL}'))",
    "unsubscribe": f"SELECT FROM broker.unsubscribe('orders', NULL, '{URL}')",
    "plan": "SELECT FROM broker.plan_batches('orders', 1, 60)",
}


class DoorSteps(LogSteps):
    """A program that uses the verbs in a transaction of its own, which comes to nothing."""

    def __init__(self, orders, owner, met, session) -> None:
        super().__init__(orders, owner, met)
        self.session = session
        self.door = session(autocommit=False)

    @step(calls=st.lists(st.sampled_from(sorted(DOOR)), max_size=3), nth=NTH, crash=st.booleans())
    def break_off(self, calls, nth, crash):
        if self.receipts:
            sql_calls.ask(self.door, sql_calls.SETTLE, f'{{"ack": ["{self.written(pick(self.receipts, nth))}"]}}')
        for call in calls:
            sql_calls.ask(self.door, DOOR[call])
        if crash:
            ended = self.owner.execute("SELECT pg_terminate_backend(%s, 5000)", [self.door.info.backend_pid])
            assert ended.fetchone() == (True,)
            self.door.close()
            self.door = self.session(autocommit=False)
        self.door.rollback()
        self.met["crash" if crash else "rollback"] += 1


STEPS = {name: method for name, method in inspect.getmembers(DoorSteps) if hasattr(method, "weight")}
WEIGHED = [name for name, method in STEPS.items() for _ in range(method.weight)]


class Broker(DoorSteps, RuleBasedStateMachine):
    # one rule for all steps: of many, hypothesis leaves most out of each example, and little happens in it
    @rule(step=st.sampled_from(WEIGHED).flatmap(lambda name: st.tuples(st.just(name), STEPS[name].arguments)))
    def do(self, step):
        name, arguments = step
        self.met["a step"] += 1
        getattr(self, name)(**arguments)

    @invariant()
    def all_is_as_promised(self):
        self.compare_the_queue()
        self.compare_subscriptions()

    def compare_the_queue(self):
        waiting = self.model.waiting()
        dead = [message for message in self.model.queue.values() if message.died_of]
        assert self.owner.execute(QUEUE).fetchall() == [
            (self.ids[each.number], each.receives, each.on_lease, each.died_of) for each in waiting + dead
        ]

    def compare_subscriptions(self):
        end = len(self.model.log)
        found = {
            each.id: (
                *(each.cursor, each.behind, each.failures, each.redeliveries, each.dead_letters),
                *(each.paused_at is not None, each.disabled_at is not None),
            )
            for each in subscriptions.list_subscriptions("orders", None, 100)
        }
        assert found == {
            key: (
                *(each.cursor, end - each.cursor, each.failures),
                *(sum(refused.dead == dead for refused in each.refused.values()) for dead in (False, True)),
                *(each.paused, each.disabled),
            )
            for key, each in self.model.subscriptions.items()
        }

    def teardown(self):
        """Each message has one fate, and each subscription took the log from its beginning to its cursor, in order.

        What it refused is missing there: it came later, comes later, or is dead.
        """
        try:
            self.compare_the_log()
            fates = [self.model.fate(number) for number in range(len(self.ids))]
            assert self.owner.execute(FATES, [self.ids]).fetchall() == fates
            for key, each in self.model.subscriptions.items():
                passed = self.model.log[each.begins : each.cursor]
                aside = {*self.again[key], *each.refused}
                assert self.received[key] == [number for number in passed if number not in aside]
                assert len(self.again[key]) + len(each.refused) == len(aside)
                assert aside <= set(passed)
            self.met.update(message.died_of for message in self.model.queue.values())
        finally:
            self.door.close()
            self.owner.execute(EMPTY)


@pytest.mark.slow
def test_the_broker_keeps_what_the_model_promises(orders, owner, session, pytestconfig):
    met = Counter()
    run_state_machine_as_test(
        lambda: Broker(orders, owner, met, session),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=LENGTH,
            deadline=None,
            derandomize=pytestconfig.getoption("hypothesis_seed") is None,
            suppress_health_check=list(HealthCheck),
            phases=set(Phase) - {Phase.explain},
        ),
    )
    assert MET - set(met) == set(), met
    assert met["a step"] >= 10_000
