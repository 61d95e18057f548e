"""Wake-ups: while work is pending, a delayed one is in SQS, and never many."""

from datetime import datetime

import pytest

from broker.dispatch import dispatcher
from broker.transport.payloads import WakeUp
from tests.support.sqs import deliver, dispatch, seconds_from_now, wake_up

NOWHERE = "http://127.0.0.1:8000/"


@pytest.fixture
def no_database(monkeypatch):
    """Fail the test when Dispatch uses the database."""
    monkeypatch.setattr(dispatcher.database.functions, "_connected", lambda: pytest.fail("Dispatch used the database"))


def test_exactly_one_delayed_wake_up_is_in_sqs_while_work_is_pending(orders, queues, endpoint, subscribed):
    endpoint.answer(503)
    dispatch(wake_up(topic="orders"))
    deliver(*queues.delivery.take())
    dispatch(*queues.dispatch.take())
    for _ in range(5):
        dispatch(wake_up(topic="orders"))
        dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


def test_no_wake_up_is_in_sqs_while_nothing_is_pending(orders, queues):
    orders.subscribe(NOWHERE)
    dispatch(wake_up(topic="orders"), wake_up())
    assert queues.dispatch.sent() == []


def test_a_wake_up_is_scheduled_for_the_next_attempt(orders, queues, endpoint, subscribed):
    endpoint.answer(503)
    dispatch(wake_up(topic="orders"))
    deliver(*queues.delivery.take())
    outcomes = [each for each in queues.dispatch.take() if "outcomes" in each["body"]]

    dispatch(*outcomes)

    due_at = orders.subscription(subscribed).due_at
    assert queues.pending_wake_ups() == [due_at]
    [delay] = queues.dispatch.delays()
    assert 4 <= delay <= 6


def test_earlier_work_gets_a_wake_up_of_its_own_and_wake_ups_do_not_multiply(orders, owner, queues, subscribed):
    other = orders.subscribe(NOWHERE)
    orders.publish("b")
    orders.broadcast()
    for seconds in (3000, 2000, 1000):
        owner.execute("UPDATE cursors SET due_at = now() + make_interval(secs => %s)", [seconds])
        dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 3
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 hour' WHERE subscription_id = %s", [other.id])

    # each arrives when it is due, and twice, because SQS may repeat it
    for arrived in sorted(queues.pending_wake_ups()):
        queues.dispatch.take()
        for _ in range(2):
            dispatcher._look([WakeUp(not_before=arrived)], [])
    assert len(queues.pending_wake_ups()) <= 1


def test_a_wake_up_for_later_is_not_sent_again_after_an_earlier_one_arrived(orders, owner, queues, subscribed):
    other = orders.subscribe(NOWHERE)
    orders.publish("b")
    orders.broadcast()
    owner.execute("UPDATE cursors SET due_at = now() + interval '20 hours'")
    dispatch(wake_up())
    for _ in range(3):
        owner.execute("UPDATE cursors SET due_at = now() + interval '30 s' WHERE subscription_id = %s", [other.id])
        dispatch(wake_up())
        later, earlier = queues.pending_wake_ups()
        assert earlier < later
        owner.execute("UPDATE cursors SET due_at = now() + interval '21 hours' WHERE subscription_id = %s", [other.id])
        queues.dispatch.keep(1)
        dispatcher._look([WakeUp(not_before=earlier)], [])
        assert queues.pending_wake_ups() == [later]


def test_a_wake_up_that_arrived_is_followed_by_one_for_the_next_pending_work(orders, owner, queues, subscribed):
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 minute'")
    dispatch(wake_up())
    [arrived] = queues.pending_wake_ups()
    queues.dispatch.take()
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 hour'")
    owner.execute("UPDATE wake_up SET pending = ARRAY[now() - interval '1 second']")
    [[moment]] = owner.execute("SELECT pending FROM wake_up").fetchone()

    dispatch(wake_up(not_before=moment.isoformat()))

    [following] = queues.pending_wake_ups()
    assert following > arrived
    assert queues.dispatch.delays() == [900]


def test_a_wake_up_is_scheduled_again_after_one_that_found_nothing_pending(orders, owner, queues, subscribed):
    owner.execute("UPDATE cursors SET paused_at = now()")
    owner.execute("UPDATE wake_up SET pending = ARRAY[now()]")
    [[moment]] = owner.execute("SELECT pending FROM wake_up").fetchone()
    dispatch(wake_up(not_before=moment.isoformat()))
    assert queues.pending_wake_ups() == []
    owner.execute("UPDATE cursors SET paused_at = NULL, due_at = now() + interval '1 minute'")
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


@pytest.mark.parametrize(("overdue_seconds", "sent"), [(50, 0), (70, 1)])
def test_a_wake_up_that_is_overdue_counts_as_lost_after_a_minute(
    orders, owner, queues, subscribed, overdue_seconds, sent
):
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 minute'")
    owner.execute("UPDATE wake_up SET pending = ARRAY[now() - make_interval(secs => %s)]", [overdue_seconds])
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == sent


def test_the_daily_sweep_schedules_a_wake_up_though_one_is_recorded_as_pending(orders, owner, queues, subscribed):
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 day'")
    owner.execute("UPDATE wake_up SET pending = ARRAY[now() + interval '1 day']")
    dispatch(wake_up(sweep=True))
    assert len(queues.pending_wake_ups()) == 1


def test_a_wake_up_that_could_not_be_sent_does_not_count_as_pending(orders, owner, queues, subscribed):
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 day'")
    queues.dispatch.break_down()
    with pytest.raises(dispatcher.sqs.NotSent):
        dispatch(wake_up())
    queues.dispatch.repair()
    dispatch(wake_up())
    assert len(queues.pending_wake_ups()) == 1


@pytest.mark.parametrize(("seconds", "delay"), [(86_400, 900), (901, 900), (899.5, 900), (0.7, 1)])
def test_an_early_wake_up_is_delayed_again_without_the_database(queues, no_database, seconds, delay):
    moment = seconds_from_now(seconds)
    assert dispatch(wake_up(not_before=moment)) == []
    assert queues.pending_wake_ups() == [datetime.fromisoformat(moment)]
    assert queues.dispatch.delays() == [delay]


def test_sqs_shows_an_early_wake_up_again_when_dispatch_cannot_send_it(queues, subscribed, log_lines):
    early = wake_up(not_before=seconds_from_now(3600))
    queues.dispatch.break_down()
    assert dispatch(early) == [early["messageId"]]
    assert [line["reason"] for line in log_lines()] == ["QueueDoesNotExist"]
