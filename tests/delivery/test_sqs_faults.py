"""Faults of SQS: a message that is repeated, lost, late or out of order does no harm; nor does a crash between two."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from broker.dispatch import dispatcher, planner
from broker.pubsub import attempts
from broker.transport import payloads
from tests.support.proxy import Proxy
from tests.support.snapshots import everything
from tests.support.sqs import deliver, dispatch, outcomes_of, record, seconds_from_now, wake_up


def test_a_repeated_wake_up_plans_nothing_twice(queues, subscribed):
    dispatch(wake_up(topic="orders"), wake_up(topic="orders"))
    dispatch(wake_up(topic="orders"))
    assert len(queues.delivery.sent()) == 1


@pytest.mark.parametrize("status", [200, 404, 429, 503, 410])
def test_a_repeated_outcome_counts_once(orders, owner, queues, subscribed, status):
    [job] = planner.plan(10)
    [outcome] = outcomes_of(job, status=status)
    dispatch(outcome, outcome)
    before = everything(owner)
    dispatch(outcome)
    assert everything(owner) == before
    assert len(attempts.list_attempts("orders", subscribed.id, attempts.List()).items) == 1


def test_a_repeated_job_is_posted_twice_under_one_webhook_id_and_counts_once(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    [job] = queues.delivery.take()
    deliver(job, job)
    first, second = endpoint.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    dispatch(*[each for each in queues.dispatch.take() if "outcomes" in each["body"]])
    after = orders.subscription(subscribed)
    assert (after.cursor, after.failures) == (1, 0)


def test_an_outcome_that_arrives_out_of_order_does_not_move_the_cursor_back(orders, queues, endpoint):
    subscribed = orders.subscribe(endpoint.url, batch_size=1)
    orders.publish("a", "b")
    orders.broadcast()
    [first] = planner.plan(10)
    dispatch(*outcomes_of(first))
    [second] = queues.delivery.take()
    dispatch(*outcomes_of(msgspec.json.decode(second["body"], type=payloads.ToDeliver).jobs[0]))
    dispatch(*outcomes_of(first))
    assert orders.subscription(subscribed).cursor == 2


def test_a_lost_wake_up_loses_no_message(orders, endpoint, queues, subscribed):
    queues.dispatch.take()
    queues.run()
    assert endpoint.requests == []
    dispatch(wake_up(sweep=True))
    queues.run()
    assert len(endpoint.requests) == 1


def test_a_lost_job_is_planned_again_at_the_next_wake_up_after_its_lease(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    queues.delivery.take()
    due_in = orders.subscription(subscribed).due_at - datetime.now(UTC)
    assert 295 < due_in.total_seconds() <= planner.LEASE_SECONDS
    assert queues.dispatch.sent() == []

    dispatch(wake_up(topic="orders"))
    assert queues.delivery.sent() == []
    orders.end_waits()
    dispatch(wake_up(topic="orders"))
    deliver(*queues.delivery.take())

    assert len(endpoint.requests) == 1


def test_a_lost_job_is_planned_again_after_the_daily_sweep_at_the_end_of_its_lease(
    orders, endpoint, queues, subscribed
):
    dispatch(wake_up(topic="orders"))
    queues.delivery.take()

    dispatch(wake_up(sweep=True))
    assert queues.pending_wake_ups() == [orders.subscription(subscribed).due_at]
    queues.dispatch.take()
    orders.end_waits()
    dispatch(wake_up())
    deliver(*queues.delivery.take())

    assert len(endpoint.requests) == 1


def test_an_earlier_wake_up_does_not_replace_the_one_for_the_end_of_a_lease(
    orders, invoices, owner, endpoint, queues, subscribed
):
    dispatch(wake_up(topic="orders"))
    queues.delivery.take()  # lost
    retried = invoices.subscribe(endpoint.url)
    invoices.publish("b")
    invoices.broadcast()
    owner.execute("UPDATE cursors SET due_at = now() + interval '30 s' WHERE subscription_id = %s", [retried.id])

    dispatch(wake_up(sweep=True))

    lease_ends_at = orders.subscription(subscribed).due_at
    retry_at, sent = queues.pending_wake_ups()
    assert retry_at < sent == lease_ends_at


def test_a_plan_whose_answer_was_lost_is_looked_for_when_its_lease_ends(orders, queues, subscribed, monkeypatch):
    direct = conninfo_to_dict(dispatcher.database.functions._url())
    with Proxy(int(direct["port"])) as proxy:
        url = make_conninfo(**{**direct, "port": proxy.port})
        monkeypatch.setattr(dispatcher.database.functions, "_url", lambda: url)
        dispatcher.database.functions.close()
        proxy.swallow_answer_to(b"plan_batches")
        dispatch(wake_up(topic="orders"))
        assert queues.delivery.sent() == []
        assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}, {"wake_up": {"sweep": True}}]
        proxy.work()
        dispatch(*queues.dispatch.take())
        dispatcher.database.functions.close()
        monkeypatch.undo()
    assert orders.subscription(subscribed).due_at in queues.pending_wake_ups()


def test_outcomes_are_recorded_though_planning_waits_too_long(orders, owner, queues, subscribed):
    [job] = planner.plan(10)
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("b")
    orders.broadcast()
    owner.execute("ALTER FUNCTION broker.plan_batches SET lock_timeout = '10ms'")
    try:
        with owner.transaction():
            owner.execute("LOCK TABLE log IN ACCESS EXCLUSIVE MODE")
            assert dispatch(*outcomes_of(job)) == []
    finally:
        owner.execute("ALTER FUNCTION broker.plan_batches SET lock_timeout = '5s'")
    assert orders.subscription(subscribed).cursor == 1
    assert queues.delivery.sent() == []


def test_a_push_that_succeeds_leaves_no_wake_up_behind(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    assert queues.dispatch.sent() == []
    deliver(*queues.delivery.take())
    dispatch(*queues.dispatch.take())
    assert queues.dispatch.sent() == []
    assert orders.subscription(subscribed).behind == 0


def test_dispatch_looks_again_when_leases_end_after_a_message_that_came_twice(orders, queues, subscribed):
    message = wake_up(topic="orders")
    dispatch(message)
    queues.delivery.take()  # as if Dispatch had died before it sent the job
    dispatch({**message, "attributes": {"ApproximateReceiveCount": "2"}})
    assert queues.pending_wake_ups() == [orders.subscription(subscribed).due_at]


def test_a_job_that_is_too_old_is_planned_again_and_counts_as_no_attempt(orders, owner, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    [message] = queues.delivery.take()
    payload = json.loads(message["body"])
    payload["planned_at"] = seconds_from_now(-241)

    assert deliver(record(payload)) == []
    assert endpoint.requests == []
    dispatch(*queues.dispatch.take())

    after = orders.subscription(subscribed)
    assert (after.cursor, after.failures) == (0, 0)
    assert attempts.list_attempts("orders", subscribed.id, attempts.List()).items == []
    deliver(*queues.delivery.take())
    dispatch(*queues.dispatch.take())
    assert len(endpoint.requests) == 1
    assert orders.subscription(subscribed).behind == 0


def test_a_redelivery_that_is_too_old_is_planned_again(orders, endpoint, queues, subscribed):
    endpoint.answer(400, times=1)
    dispatch(wake_up(topic="orders"))
    queues.run()
    orders.end_waits()
    dispatch(wake_up())
    [message] = queues.delivery.take()
    payload = json.loads(message["body"])
    assert payload["jobs"][0]["redelivery"] is not None
    payload["planned_at"] = seconds_from_now(-241)
    deliver(record(payload))
    dispatch(*queues.dispatch.take())
    assert orders.subscription(subscribed).redeliveries == 1
    queues.run()
    assert len(endpoint.requests) == 2
    assert orders.subscription(subscribed).redeliveries == 0


def test_an_expired_job_whose_subscription_was_planned_again_changes_nothing(orders, owner, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    [message] = queues.delivery.take()
    orders.end_waits()
    dispatch(wake_up())
    before = everything(owner)
    payload = json.loads(message["body"])
    payload["planned_at"] = seconds_from_now(-241)
    deliver(record(payload))
    dispatch(*queues.dispatch.take())
    assert everything(owner) == before
    assert attempts.list_attempts("orders", subscribed.id, attempts.List()).items == []


def test_a_batch_whose_outcome_was_lost_is_sent_again(orders, endpoint, queues, subscribed):
    dispatch(wake_up(topic="orders"))
    deliver(*queues.delivery.take())
    queues.dispatch.take()
    orders.end_waits()
    dispatch(wake_up())
    deliver(*queues.delivery.take())
    dispatch(*queues.dispatch.take())
    first, second = endpoint.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert orders.subscription(subscribed).behind == 0


def test_an_outcome_that_arrives_after_its_lease_changes_nothing(orders, queues, subscribed):
    [late] = planner.plan(10)
    orders.end_waits()
    dispatch(wake_up())
    dispatch(*outcomes_of(late, status=410))
    assert orders.subscription(subscribed).disabled_at is None
    assert [attempt.status for attempt in attempts.list_attempts("orders", subscribed.id, attempts.List()).items] == [
        410
    ]


@pytest.mark.parametrize("statuses", [(200, 503), (503, 200)])
def test_a_delivered_outcome_wins_over_a_failed_one_for_the_same_job(orders, queues, subscribed, statuses):
    planned = planner.plan(10)
    dispatch(*(outcome for status in statuses for outcome in outcomes_of(*planned, status=status)))
    assert orders.subscription(subscribed).behind == 0


def test_a_batch_whose_job_was_not_sent_to_deliver_is_planned_again(orders, endpoint, queues, subscribed):
    queues.delivery.break_down()
    with pytest.raises(dispatcher.sqs.NotSent):
        dispatch(wake_up(topic="orders"))
    assert orders.subscription(subscribed).due_at > datetime.now(UTC)
    queues.delivery.repair()
    orders.end_waits()
    dispatch(wake_up())
    deliver(*queues.delivery.take())
    dispatch(*queues.dispatch.take())
    assert orders.subscription(subscribed).behind == 0
