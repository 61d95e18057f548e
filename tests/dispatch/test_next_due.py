"""When Dispatch looks again: the next time at which something is due, and which topics it looks at then."""

from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from broker import topics
from broker.dispatch import planner
from broker.queue import dead_letters
from tests.support.outcomes import outcome

pytestmark = pytest.mark.verbs

RECORD = "SELECT FROM broker.plan_batches(0, 60, p_outcomes => %s::json)"


def test_nothing_is_due_when_no_message_is_undelivered(orders):
    assert planner.next_due() is None
    orders.subscribe("http://127.0.0.1:8000/")
    assert planner.next_due() is None


def test_an_undelivered_message_is_due_at_once(owner, subscribed):
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]


def test_a_failed_batch_is_due_when_its_wait_is_over(orders, subscribed):
    [job] = planner.plan(10)
    planner.plan(0, [outcome(job, 503)])
    assert planner.next_due() == orders.subscription(subscribed).due_at


def test_next_due_is_the_earliest_time_of_all_topics(orders, invoices, subscribed):
    [job] = planner.plan(10)
    planner.plan(0, [outcome(job, 503)])
    other = invoices.subscribe("http://127.0.0.1:8000/")
    invoices.publish("a")
    invoices.broadcast()
    assert planner.next_due() <= invoices.subscription(other).due_at < orders.subscription(subscribed).due_at


@pytest.mark.parametrize("reason", ["paused", "disabled", "delivered"])
def test_a_subscription_that_is_sent_nothing_is_not_due(orders, subscribed, reason):
    [job] = planner.plan(10)
    match reason:
        case "paused":
            orders.change(subscribed, paused=True)
        case "disabled":
            planner.plan(0, [outcome(job, 410)])
        case "delivered":
            planner.plan(0, [outcome(job)])
    orders.end_waits()
    assert planner.next_due() is None
    assert planner.plan(10) == []


@pytest.mark.parametrize("state", ["behind", "on lease", "failing", "refusing"])
def test_nothing_is_due_of_a_deleted_topic_once_a_planner_has_looked(orders, subscribed, state):
    if state != "behind":
        [job] = planner.plan(10)
    if state in {"failing", "refusing"}:
        planner.plan(0, [outcome(job, 503 if state == "failing" else 400)])
    topics.delete("orders", topics.Delete(force=True))
    orders.end_waits()
    assert planner.plan(10) == []
    assert planner.next_due() is None
    assert planner.plan(10) == []


@pytest.mark.parametrize("cause", ["a broadcast", "being resumed", "being enabled", "a redrive"])
def test_a_topic_that_was_skipped_is_planned_again_when_something_becomes_due(orders, subscribed, cause):
    [job] = planner.plan(10)
    match cause:
        case "a broadcast":
            planner.plan(0, [outcome(job)])
        case "being resumed":
            orders.change(subscribed, paused=True)
            planner.plan(0, [outcome(job, 503)])
        case "being enabled":
            planner.plan(0, [outcome(job, 410)])
        case "a redrive":
            planner.plan(0, [replace(outcome(job), action="refused", retry_seconds=None)])
    orders.end_waits()
    assert planner.next_due() is None
    assert next_due_at(orders) is None
    assert planner.next_due() is None
    match cause:
        case "a broadcast":
            orders.publish("b")
            orders.broadcast()
        case "being resumed":
            orders.change(subscribed, paused=False)
        case "being enabled":
            orders.change(subscribed, disabled=False)
        case "a redrive":
            dead_letters.redrive("orders", dead_letters.Redrive(subscription=subscribed.id))
    orders.end_waits()

    assert planner.next_due() is not None
    assert len(planner.plan(10)) == 1


def next_due_at(topic):
    """What `next_due` leaves in the topic's `next_due_at`."""
    planner.next_due()
    return topic.next_due_at()


def test_a_topic_whose_subscriptions_wait_is_skipped_until_one_is_due(orders, subscribed):
    assert next_due_at(orders) <= datetime.now(UTC)
    [job] = planner.plan(10)
    planner.plan(0, [replace(outcome(job, 503), retry_seconds=3600)])
    assert next_due_at(orders) is None
    assert planner.next_due() == orders.subscription(subscribed).due_at
    other = orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    assert next_due_at(orders) <= datetime.now(UTC)
    assert [job.subscription_id for job in planner.plan(10)] == [other.id]


def test_a_topic_is_not_skipped_while_a_request_is_under_way(orders):
    orders.subscribe("http://127.0.0.1:8000/", batch_size=1)
    orders.publish("a", "b")
    orders.broadcast()
    [job] = planner.plan(10)
    assert next_due_at(orders) < datetime.now(UTC)
    planner.plan(0, [outcome(job)])
    assert [job.first_seq for job in planner.plan(10)] == [2]


def test_a_broadcast_that_commits_after_next_due_is_not_forgotten(orders, subscribed, session):
    [job] = planner.plan(10)
    planner.plan(0, [outcome(job)])
    orders.publish("b")
    broadcaster = session(autocommit=False)
    broadcaster.execute("SELECT FROM broker.broadcast('orders')")
    assert planner.next_due() is None
    broadcaster.commit()
    assert len(planner.plan(10)) == 1


def test_a_broadcast_is_due_that_an_outcome_of_the_same_moment_did_not_see(orders, subscribed, session):
    """The outcome leaves the subscription resting, and its broadcast is over: nothing else would make the topic due."""
    [job] = planner.plan(10)
    recorder = session(autocommit=False)
    recorder.execute(RECORD, [msgspec.json.encode([outcome(job)]).decode()])
    orders.publish("b")
    orders.broadcast()
    assert planner.plan(10) == []
    planner.next_due()
    recorder.commit()
    assert planner.next_due() <= datetime.now(UTC)
    assert [job.first_seq for job in planner.plan(10)] == [2]


@pytest.fixture
def paused_by_rate(orders, subscribed):
    """The subscription, which has been sent everything, and whose rate has just kept it from being sent more."""
    orders.change(subscribed, rate_per_second=1)
    [job] = planner.plan(10)
    planner.plan(0, [outcome(job)])
    assert planner.next_due() > datetime.now(UTC)
    orders.end_waits()
    return subscribed


def test_a_subscription_with_nothing_to_be_sent_rests_again_after_a_pause_by_rate(orders, owner, paused_by_rate):
    assert planner.next_due() <= datetime.now(UTC)
    assert planner.plan(10) == []
    assert planner.next_due() is None
    assert owner.execute("SELECT resting FROM cursors").fetchall() == [(True,)]
    orders.publish("b")
    orders.broadcast()
    assert [job.first_seq for job in planner.plan(10)] == [2]


def test_a_broadcast_is_due_that_a_planner_of_the_same_moment_did_not_see(orders, paused_by_rate, session):
    planning = session(autocommit=False)
    assert planning.execute("SELECT FROM broker.plan_batches(10, 60)").fetchall() == []
    orders.publish("b")
    orders.broadcast()
    assert planner.plan(10) == []
    planner.next_due()
    planning.commit()
    assert planner.next_due() <= datetime.now(UTC)
    assert [job.first_seq for job in planner.plan(10)] == [2]
