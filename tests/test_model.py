"""Random steps: each calls PostgreSQL and a model made of lists, and both must agree afterwards.

Every run takes the same steps; `pytest tests/test_model.py --hypothesis-seed=7` takes others, and so does `make soak`.
"""

import contextlib
import inspect
from collections import Counter

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from broker import settings
from broker.pubsub import reading
from tests.support import partitions, sql_calls
from tests.support.model_maintenance import RETENTION, WIDTH, MaintenanceSteps
from tests.support.model_steps import NTH, URL, pick, step
from tests.support.soak import SOAK, TWENTIETH, share
from tests.support.topic import Topic

LENGTH = 50  # steps of an example
QUICK, WHOLE = 10, 4000  # examples
MUST_OCCUR = {  # 10,000 steps in which one of these never happens prove little
    *("ack", "release", "extend", "reject", "gone", "stale", "receives exhausted", "auto-acked"),
    *("moved", "nothing moved", "delivered", "retry", "disable", "an outcome too late", "the same batch again"),
    *("partly", "refused", "aborted", "slow", "a redelivery", "redriven", "resent", "resent once", "not resent"),
    *("rested", "something due", "something pending", "nothing pending"),
    *("crash", "rollback"),
    *("a partition removed", "a message forgotten", "an attempt forgotten"),
    *(f"a {state} message kept" for state in ("waiting", "leased", "dead", "broadcast")),
}
QUEUE = (
    "SELECT q.message_id, q.receives, q.leased_at IS NOT NULL, CASE WHEN q.died_at IS NOT NULL THEN q.reason END"
    " FROM queue q"
    " ORDER BY q.died_at IS NOT NULL, CASE WHEN q.died_at IS NULL THEN q.ready_at END, q.message_id"
)
MESSAGE_STATES = (
    "SELECT r.state, r.seq FROM unnest(%s::uuid[]) WITH ORDINALITY i (id, nth)"
    " LEFT JOIN LATERAL broker.trace_message('orders', i.id) r ON true ORDER BY i.nth"
)
DELETE_ALL = "DELETE FROM topics; DELETE FROM topic_states" + "".join(
    f"; DELETE FROM {table}"
    for table in (
        *("queue", "messages", "kept_messages", "log", "kept_log", "log_spans"),
        *("subscriptions", "cursors", "deliveries", "redeliveries", "attempts"),
    )
)
SQL_CALLS = {
    "publish": sql_calls.PUBLISH,
    "consume": "SELECT FROM broker.consume('orders', 2)",
    "auto-ack": "SELECT FROM broker.consume('orders', 2, p_auto_ack => true)",
    "broadcast": sql_calls.BROADCAST,
    "subscribe": f"SELECT FROM broker.subscribe('orders', 'door', 'whsec_', jsonb_build_object('url', '{URL}'))",
    "unsubscribe": f"SELECT FROM broker.unsubscribe('orders', NULL, '{URL}')",
    "plan": "SELECT FROM broker.plan_batches(1, 60)",
}


class TransactionSteps(MaintenanceSteps):
    """A program that calls the verbs in its own transaction, and rolls it back or loses its session."""

    def __init__(self, orders, owner, met, session) -> None:
        super().__init__(orders, owner, met)
        self.session = session
        self.program = session(autocommit=False)

    @step(calls=st.lists(st.sampled_from(sorted(SQL_CALLS)), max_size=3), nth=NTH, crash=st.booleans())
    def begin_and_roll_back(self, calls, nth, crash):
        if self.receipts:
            sql_calls.query(self.program, sql_calls.SETTLE, f'{{"ack": ["{self.written(pick(self.receipts, nth))}"]}}')
        for call in calls:
            sql_calls.query(self.program, SQL_CALLS[call])
        if crash:
            ended = self.owner.execute("SELECT pg_terminate_backend(%s, 5000)", [self.program.info.backend_pid])
            assert ended.fetchone() == (True,)
            self.program.close()
            self.program = self.session(autocommit=False)
        self.program.rollback()
        self.met["crash" if crash else "rollback"] += 1


class EvenProvider(HypothesisProvider):
    """Draws each number equally often.

    Hypothesis itself prefers small numbers and those in the source code, and repeats parts of an example. So it depends
    on the source of other tests which steps it takes, and most of its examples do nothing to a subscription.
    """

    def draw_integer(self, min_value=None, max_value=None, *, weights=None, shrink_towards=0):
        assert weights is None
        return self._random.randint(min_value, max_value)


AVAILABLE_PROVIDERS["even"] = f"{__name__}.{EvenProvider.__name__}"

STEPS = {name: method for name, method in inspect.getmembers(TransactionSteps) if hasattr(method, "weight")}
WEIGHED = [name for name, method in STEPS.items() for _ in range(method.weight)]


class Broker(TransactionSteps, RuleBasedStateMachine):
    # one rule for all steps: with many rules, hypothesis leaves most out of each example, and little happens
    @rule(step=st.sampled_from(WEIGHED).flatmap(lambda name: st.tuples(st.just(name), STEPS[name].arguments)))
    def do(self, step):
        name, arguments = step
        self.met["a step"] += 1
        getattr(self, name)(**arguments)

    @invariant()
    def broker_equals_model(self):
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
            for each in reading.list_subscriptions("orders", None, 100).items
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
        """Each message has one state, and each subscription received the log from its start to its cursor, in order.

        Messages that it refused are missing there: they were redelivered, wait for a redelivery, or are dead.
        """
        try:
            self.compare_the_log()
            states = [
                (None, None) if number in self.forgotten else self.model.state(number)
                for number in range(len(self.ids))
            ]
            assert self.owner.execute(MESSAGE_STATES, [self.ids]).fetchall() == states
            for key, each in self.model.subscriptions.items():
                passed = self.model.log[each.begins : each.cursor]
                held = [number for number, refused in each.refused.items() if not refused.delivered]
                refused = {*self.again[key], *held}
                assert self.received[key] == [number for number in passed if number not in refused]
                assert len(self.again[key]) + len(held) == len(refused)
                assert refused <= set(passed)
            self.met.update(message.died_of for message in self.model.queue.values())
        finally:
            self.program.close()
            self.owner.execute(DELETE_ALL)


@pytest.fixture
def session(ring):
    """Make further sessions of a program."""
    with contextlib.ExitStack() as opened:

        def open_session(*, autocommit):
            connection = psycopg.connect(settings.current().database_url, autocommit=autocommit)
            return opened.enter_context(contextlib.closing(connection))

        yield open_session


@pytest.fixture
def take_steps(ring, session, pytestconfig):
    """Take so many examples' steps in a ring that turns; return how often each thing happened."""
    partitions.drop_all(ring)
    ring.execute(f"UPDATE ring SET retention = '{RETENTION}', min_width = '{WIDTH}'")

    def take_steps(examples):
        met = Counter()
        run_state_machine_as_test(
            lambda: Broker(Topic("orders", ring), ring, met, session),
            settings=hypothesis.settings(
                backend="even",
                max_examples=examples,
                stateful_step_count=LENGTH,
                deadline=None,
                derandomize=pytestconfig.getoption("hypothesis_seed") is None and SOAK <= TWENTIETH,
                suppress_health_check=list(HealthCheck),
                phases=set(Phase) - {Phase.explain},
            ),
        )
        return met

    return take_steps


def test_the_broker_and_the_model_agree_after_each_of_a_few_steps(take_steps):
    assert take_steps(QUICK)["a step"] == QUICK * LENGTH


@pytest.mark.slow
@pytest.mark.soak
def test_the_broker_and_the_model_agree_after_every_step(take_steps):
    met = take_steps(share(WHOLE))
    assert MUST_OCCUR - set(met) == set() or SOAK < TWENTIETH, met
    assert met["a step"] > 0.99 * share(WHOLE) * LENGTH  # of thousands of examples hypothesis ends a few early
