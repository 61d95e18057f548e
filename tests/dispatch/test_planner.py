"""Planning: which subscriptions get a job, for how long they are on lease, and which outcomes count."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from broker import topics
from broker.dispatch import planner
from broker.pubsub import attempts, subscriptions
from broker.queue import dead_letters
from broker.webhooks import outcomes, transfer
from tests.support import webhook_ids

pytestmark = pytest.mark.verbs

PLAN = "SELECT subscription_id, fence, first_seq, last_seq FROM broker.plan_batches(NULL, %s, 60)"


@pytest.fixture
def subscribed(orders):
    """A subscription with one undelivered message."""
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a")
    orders.broadcast()
    return subscribed


def outcome(job, status=200):
    return outcomes.judge(job, transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1)))


def test_a_planned_batch_is_not_planned_again(subscribed):
    [job] = planner.plan(None, 10)
    assert (job.subscription_id, job.fence, job.first_seq, job.last_seq, job.attempt) == (subscribed.id, 1, 1, 1, 1)
    assert planner.plan(None, 10) == []


def test_a_job_does_not_contain_the_secret(subscribed):
    [job] = planner.plan(None, 10)
    assert subscribed.secret not in str(job)
    assert job.headers.keys() == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}


def test_a_batch_that_cannot_be_signed_delays_no_other(orders, subscribed, owner, log_lines):
    owner.execute("UPDATE subscriptions SET secrets = '{?}'")
    other = orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    assert [job.subscription_id for job in planner.plan(None, 10)] == [other.id]
    assert [line["message"] for line in log_lines()] == ["the broker failed"]


def test_a_batch_whose_planner_died_is_planned_again(orders, subscribed):
    [lost] = planner.plan(None, 10)
    orders.publish("b")
    orders.broadcast()
    orders.end_waits()

    [job] = planner.plan(None, 10)

    assert job.fence == lost.fence + 1
    assert (job.webhook_id, job.body, job.attempt) == (lost.webhook_id, lost.body, lost.attempt)


def test_an_outcome_of_a_batch_that_is_not_under_way_changes_nothing(orders, subscribed):
    """As one that SQS kept while the database was restored: its fence may come again."""
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [replace(outcome(job), last_seq=2)])
    assert (orders.subscription(subscribed).cursor, orders.subscription(subscribed).behind) == (0, 1)
    planner.plan(None, 0, [outcome(job)])
    assert orders.subscription(subscribed).behind == 0


def test_each_subscription_gets_its_own_batch_though_some_get_the_same_messages(orders):
    early = [orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=2) for n in range(2)]
    orders.publish("a", "b", "c")
    orders.broadcast()
    late = orders.subscribe("http://127.0.0.1:8000/late")
    orders.publish("d")
    orders.broadcast()

    planned = {job.subscription_id: json.loads(job.body) for job in planner.plan("orders", 10)}

    sent = {each: [message["content"] for message in body["messages"]] for each, body in planned.items()}
    assert sent == {early[0].id: ["a", "b"], early[1].id: ["a", "b"], late.id: ["d"]}
    assert all(body["subscription"] == str(each) for each, body in planned.items())


def test_a_webhook_id_names_the_subscription_and_the_messages_of_the_batch(orders):
    subscribed = [orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=2) for n in range(2)]
    a, b, c = orders.publish("a", "b", "c")
    orders.broadcast()
    first = planner.plan("orders", 10)
    second = planner.plan("orders", 10, [outcome(job) for job in first])

    assert {job.webhook_id for job in first} == {webhook_ids.batch(each.id, a, b) for each in subscribed}
    assert {job.webhook_id for job in second} == {webhook_ids.batch(each.id, c) for each in subscribed}


def test_the_webhook_id_of_a_redelivery_names_its_message(orders, subscribed):
    [batch] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(batch, 400)])
    orders.end_waits()
    [again] = planner.plan(None, 10)
    assert again.webhook_id == webhook_ids.redelivery(subscribed.id, *orders.logged())


@pytest.mark.parametrize("status", [200, 503, 410])
def test_an_outcome_whose_lease_was_taken_over_changes_nothing(orders, owner, subscribed, status):
    [lost] = planner.plan(None, 10)
    orders.end_waits()
    [job] = planner.plan(None, 10)
    before = owner.execute("SELECT s.* FROM subscriptions s").fetchall()

    planner.plan(None, 0, [outcome(lost, status)])

    assert owner.execute("SELECT s.* FROM subscriptions s").fetchall() == before
    assert len(attempts.list_attempts("orders", subscribed.id, None, 10).items) == 1
    planner.plan(None, 0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1


def test_an_outcome_recorded_twice_changes_nothing_the_second_time(orders, subscribed):
    [job] = planner.plan(None, 10)
    orders.publish("b")
    orders.broadcast()
    planner.plan(None, 0, [outcome(job)])
    [following] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1
    planner.plan(None, 0, [outcome(following)])
    assert orders.subscription(subscribed).cursor == 2


@pytest.mark.parametrize("status", [200, 503, 410])
def test_an_outcome_recorded_twice_before_the_next_plan_counts_once(orders, owner, subscribed, status):
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job, status)])
    before = owner.execute("SELECT s.* FROM subscriptions s").fetchall()
    planner.plan(None, 0, [outcome(job, status)])
    assert owner.execute("SELECT s.* FROM subscriptions s").fetchall() == before


def test_outcomes_of_many_subscriptions_are_recorded_at_once(orders, subscribed):
    other = orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    jobs = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job, 200 if job.subscription_id == other.id else 503) for job in jobs])
    assert (orders.subscription(subscribed).failures, orders.subscription(other).cursor) == (1, 2)


def test_an_outcome_counts_though_the_subscription_was_paused_since(orders, subscribed):
    [job] = planner.plan(None, 10)
    orders.change(subscribed, paused=True)
    planner.plan(None, 0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1
    assert orders.subscription(subscribed).paused_at is not None


def test_an_outcome_of_a_removed_subscription_is_dropped(orders, owner, subscribed):
    [job] = planner.plan(None, 10)
    subscriptions.unsubscribe("orders", subscribed.id)
    planner.plan(None, 0, [outcome(job)])
    assert owner.execute("SELECT FROM attempts").fetchall() == []


def test_a_plan_takes_the_longest_due_subscriptions_first_and_at_most_its_limit(orders, owner):
    ids = [orders.subscribe(f"http://127.0.0.1:8000/{n}").id for n in range(4)]
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE subscriptions SET due_at = now() - interval '1 hour' WHERE id = %s", [ids[2]])
    [first] = planner.plan(None, 1)
    assert first.subscription_id == ids[2]
    assert {job.subscription_id for job in planner.plan(None, 10)} == {*ids} - {ids[2]}
    assert planner.plan(None, 0) == []


def test_a_planner_does_not_wait_for_another(orders, session, subscribed):
    orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    one, other = session(autocommit=False), session()
    [(first, *_)] = one.execute(PLAN, [1]).fetchall()
    [(second, *_)] = other.execute(PLAN, [10]).fetchall()
    assert first != second
    one.rollback()
    [(again, *_)] = other.execute(PLAN, [10]).fetchall()
    assert again == first


def test_concurrent_planners_never_plan_the_same_subscription(orders, session):
    ids = {orders.subscribe(f"http://127.0.0.1:8000/{n}").id for n in range(60)}
    orders.publish("a")
    orders.broadcast()

    def plan(connection):
        return [row[0] for _ in range(5) for row in connection.execute(PLAN, [4]).fetchall()]

    with ThreadPoolExecutor() as pool:
        planned = [each for found in pool.map(plan, [session() for _ in range(4)]) for each in found]
    assert len(planned) == 60
    assert set(planned) == ids


def test_nothing_is_due_when_no_message_is_undelivered(orders):
    assert planner.next_due() is None
    orders.subscribe("http://127.0.0.1:8000/")
    assert planner.next_due() is None


def test_an_undelivered_message_is_due_at_once(owner, subscribed):
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]


def test_a_failed_batch_is_due_when_its_wait_is_over(orders, subscribed):
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job, 503)])
    assert planner.next_due() == orders.subscription(subscribed).due_at


def test_next_due_is_the_earliest_time_of_all_topics(orders, invoices, subscribed):
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job, 503)])
    other = invoices.subscribe("http://127.0.0.1:8000/")
    invoices.publish("a")
    invoices.broadcast()
    assert planner.next_due() == invoices.subscription(other).due_at


@pytest.mark.parametrize("reason", ["paused", "disabled", "delivered", "deleted"])
def test_a_subscription_that_is_sent_nothing_is_not_due(orders, subscribed, reason):
    [job] = planner.plan(None, 10)
    match reason:
        case "paused":
            orders.change(subscribed, paused=True)
        case "disabled":
            planner.plan(None, 0, [outcome(job, 410)])
        case "delivered":
            planner.plan(None, 0, [outcome(job)])
        case "deleted":
            topics.delete("orders", force=True)
    orders.end_waits()
    assert planner.next_due() is None
    assert planner.plan(None, 10) == []


@pytest.mark.parametrize("cause", ["a broadcast", "being resumed", "being enabled", "a redrive"])
def test_a_topic_that_was_skipped_is_planned_again_when_something_becomes_due(orders, subscribed, owner, cause):
    [job] = planner.plan(None, 10)
    match cause:
        case "a broadcast":
            planner.plan(None, 0, [outcome(job)])
        case "being resumed":
            orders.change(subscribed, paused=True)
        case "being enabled":
            planner.plan(None, 0, [outcome(job, 410)])
        case "a redrive":
            planner.plan(None, 0, [replace(outcome(job), action="refused", retry_seconds=None)])
    orders.end_waits()
    assert planner.next_due() is None
    assert next_due_at(owner, minutes_ago=2) is None
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
    assert len(planner.plan(None, 10)) == 1


def next_due_at(owner, *, minutes_ago=0):
    """What `next_due` leaves in the topic's `next_due_at`, after that was moved back by so many minutes."""
    owner.execute("UPDATE topics SET next_due_at = next_due_at - %s * interval '1 minute'", [minutes_ago])
    planner.next_due()
    [(moment,)] = owner.execute("SELECT next_due_at FROM topics WHERE name = 'orders'")
    return moment


def test_a_topic_whose_subscriptions_wait_is_skipped_until_one_is_due(orders, subscribed, owner):
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [replace(outcome(job, 503), retry_seconds=3600)])
    assert next_due_at(owner) < datetime.now(UTC)
    assert next_due_at(owner, minutes_ago=2) == orders.subscription(subscribed).due_at
    assert planner.next_due() == orders.subscription(subscribed).due_at
    orders.publish("b")
    orders.broadcast()
    assert next_due_at(owner) <= datetime.now(UTC)


def test_a_topic_is_not_skipped_while_a_request_is_under_way(orders, owner):
    orders.subscribe("http://127.0.0.1:8000/", batch_size=1)
    orders.publish("a", "b")
    orders.broadcast()
    [job] = planner.plan(None, 10)
    assert next_due_at(owner, minutes_ago=2) < datetime.now(UTC)
    planner.plan(None, 0, [outcome(job)])
    assert [job.first_seq for job in planner.plan(None, 10)] == [2]


def test_a_broadcast_that_commits_after_next_due_is_not_forgotten(orders, subscribed, owner, session):
    [job] = planner.plan(None, 10)
    planner.plan(None, 0, [outcome(job)])
    orders.publish("b")
    owner.execute("UPDATE topics SET next_due_at = next_due_at - interval '2 minutes'")
    broadcaster = session(autocommit=False)
    broadcaster.execute("SELECT FROM broker.broadcast('orders')")
    assert planner.next_due() is None
    broadcaster.commit()
    assert len(planner.plan(None, 10)) == 1


def plan(limit, in_flight, session):
    return (
        session()
        .execute("SELECT subscription_id FROM broker.plan_batches(NULL, %s, 60, %s)", [limit, in_flight])
        .fetchall()
    )


def test_no_more_jobs_are_under_way_than_allowed(orders, session):
    for n in range(6):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    assert [len(plan(3, 4, session)) for _ in range(3)] == [3, 1, 0]
    assert len(plan(10, 6, session)) == 2


def test_failing_subscriptions_have_at_most_half_of_the_jobs_under_way(orders, owner, session):
    for n in range(6):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE subscriptions SET failures = 1, due_at = now() - interval '1 min' WHERE right(url, 1) < '4'")
    assert [len(plan(1, 4, session)) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert owner.execute("SELECT failures FROM subscriptions WHERE lease_ends_at > now()").fetchall().count((1,)) == 2


def test_a_recorded_outcome_makes_room_for_another_job(orders, session):
    for n in range(2):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    [job] = planner.plan(None, 1)
    assert plan(1, 1, session) == []
    planner.plan(None, 0, [outcome(job)])
    assert len(plan(1, 1, session)) == 1


def test_a_subscription_far_behind_does_not_delay_one_that_is_little_behind(orders, owner):
    far, near = (orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=1) for n in ("far", "near"))
    orders.publish(*range(20))
    orders.broadcast()
    owner.execute("UPDATE subscriptions SET cursor = 19 WHERE id = %s", [near.id])
    [first] = planner.plan(None, 1)
    planner.plan(None, 0, [outcome(first)])
    assert {job.subscription_id for job in planner.plan(None, 2)} | {first.subscription_id} == {far.id, near.id}


def test_a_subscription_resumed_during_a_request_is_not_sent_the_batch_twice(orders, subscribed):
    [job] = planner.plan(None, 1)
    orders.change(subscribed, paused=True)
    orders.change(subscribed, paused=False)
    assert planner.plan(None, 1) == []
    planner.plan(None, 0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1


def test_no_job_is_planned_while_more_are_under_way_than_allowed(orders, session):
    for n in range(6):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    slow = session(autocommit=False)
    slow.execute(PLAN.replace("60", "60, 3"), [2])
    assert len(plan(2, 3, session)) == 2  # this session does not see the other's two, which are not committed
    slow.commit()
    assert plan(2, 3, session) == []


@pytest.mark.parametrize("status", [200, 410, 503])
def test_the_response_of_the_old_url_no_longer_counts_after_a_change_of_url(orders, subscribed, status):
    [old] = planner.plan(None, 10)
    orders.change(subscribed, url="http://127.0.0.1:8000/new")
    planner.plan(None, 0, [outcome(old, status)])
    [new] = planner.plan(None, 10)
    assert (new.url, new.webhook_id, new.attempt) == ("http://127.0.0.1:8000/new", old.webhook_id, 1)
