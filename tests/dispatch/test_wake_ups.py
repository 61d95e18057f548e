"""Wake-ups: while anything is owed, one is under way, and never many."""

from datetime import datetime

import pytest

from broker.dispatch import dispatcher
from broker.transport.payloads import WakeUp
from tests.support.sqs import deliver, dispatch, seconds_from_now, wake_up

NOWHERE = "http://127.0.0.1:8000/"


@pytest.fixture
def no_database(monkeypatch):
    """Let each use of the database fail the test."""
    monkeypatch.setattr(dispatcher.database.functions, "_connected", lambda: pytest.fail("the database was asked"))


def test_while_anything_is_owed_exactly_one_delayed_wake_up_is_under_way(orders, queues, endpoint, subscribed):
    endpoint.answer(503)
    dispatch(wake_up(topic="orders"))
    for _ in range(5):
        dispatch(wake_up(topic="orders"))
        dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


def test_nothing_is_under_way_when_nothing_is_owed(orders, queues):
    orders.subscribe(NOWHERE)
    dispatch(wake_up(topic="orders"), wake_up())
    assert queues.dispatch.sent() == []


def test_a_wake_up_comes_when_the_next_try_is_due(orders, queues, endpoint, subscribed):
    endpoint.answer(503)
    dispatch(wake_up(topic="orders"))
    deliver(*queues.delivery.take())
    told = [each for each in queues.dispatch.take() if "outcomes" in each["body"]]

    dispatch(*told)

    due_at = orders.subscription(subscribed).due_at
    assert queues.pending_wake_ups() == [due_at]
    [delay] = queues.dispatch.delays()
    assert 4 <= delay <= 6


def test_one_that_is_due_earlier_has_a_wake_up_of_its_own_and_the_chains_do_not_multiply(
    orders, owner, queues, subscribed
):
    other = orders.subscribe(NOWHERE)
    orders.publish("b")
    orders.broadcast()
    for seconds in (3000, 2000, 1000):
        owner.execute("UPDATE subscriptions SET due_at = now() + make_interval(secs => %s)", [seconds])
        dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 3
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 hour' WHERE id = %s", [other.id])

    # each comes in its time, as the doubled ones of SQS would
    for came in sorted(queues.pending_wake_ups()):
        queues.dispatch.take()
        for _ in range(2):
            dispatcher._look([WakeUp(not_before=came)], outcomes=False)
    assert len(queues.pending_wake_ups()) <= 1


def test_a_wake_up_that_came_is_followed_by_one_for_what_is_owed_then(orders, owner, queues, subscribed):
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 minute'")
    dispatch(wake_up())
    [came] = queues.pending_wake_ups()
    queues.dispatch.take()
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 hour'")
    owner.execute("UPDATE wake_up SET wake_at = now() - interval '1 second'")
    [moment] = owner.execute("SELECT wake_at FROM wake_up").fetchone()

    dispatch(wake_up(not_before=moment.isoformat()))

    [following] = queues.pending_wake_ups()
    assert following > came
    assert queues.dispatch.delays() == [900]


def test_when_a_wake_up_came_and_nothing_was_owed_the_next_failure_has_one_again(orders, owner, queues, subscribed):
    owner.execute("UPDATE subscriptions SET paused_at = now()")
    owner.execute("UPDATE wake_up SET wake_at = now()")
    [moment] = owner.execute("SELECT wake_at FROM wake_up").fetchone()
    dispatch(wake_up(not_before=moment.isoformat()))
    assert queues.pending_wake_ups() == []
    owner.execute("UPDATE subscriptions SET paused_at = NULL, due_at = now() + interval '1 minute'")
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


@pytest.mark.parametrize(("overdue_seconds", "sent"), [(50, 0), (70, 1)])
def test_a_wake_up_that_is_overdue_is_taken_for_lost_after_a_minute(
    orders, owner, queues, subscribed, overdue_seconds, sent
):
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 minute'")
    owner.execute("UPDATE wake_up SET wake_at = now() - make_interval(secs => %s)", [overdue_seconds])
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == sent


def test_the_daily_sweep_does_not_trust_what_was_under_way(orders, owner, queues, subscribed):
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 day'")
    owner.execute("UPDATE wake_up SET wake_at = now() + interval '1 day'")
    dispatch(wake_up(sweep=True))
    assert len(queues.pending_wake_ups()) == 1


def test_a_wake_up_that_could_not_be_sent_is_not_under_way(orders, owner, queues, subscribed):
    owner.execute("UPDATE subscriptions SET due_at = now() + interval '1 day'")
    queues.dispatch.break_down()
    with pytest.raises(dispatcher.sqs.NotSent):
        dispatch(wake_up())
    queues.dispatch.repair()
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


@pytest.mark.parametrize(("seconds", "delay"), [(86_400, 900), (901, 900), (899.5, 900), (0.7, 1)])
def test_a_wake_up_before_its_time_waits_on_without_the_database(queues, no_database, seconds, delay):
    moment = seconds_from_now(seconds)
    assert dispatch(wake_up(not_before=moment)) == []
    assert queues.pending_wake_ups() == [datetime.fromisoformat(moment)]
    assert queues.dispatch.delays() == [delay]


def test_one_that_cannot_wait_on_comes_again_and_the_others_are_done(queues, subscribed, log_lines):
    early = wake_up(not_before=seconds_from_now(3600))
    queues.dispatch.break_down()
    assert dispatch(early) == [early["messageId"]]
    assert [line["error"] for line in log_lines()] == ["QueueDoesNotExist"]
