"""Planning: which subscriptions get a job, for how long they are on lease, and which outcomes count."""

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from msgspec.structs import replace

from broker.dispatch import planner
from broker.pubsub import attempts, subscriptions
from tests.support import webhook_ids
from tests.support.outcomes import outcome
from tests.support.snapshots import everything

pytestmark = pytest.mark.verbs

RECORD = "SELECT subscription_id FROM broker.plan_batches(0, 60, p_outcomes => %s::json)"
PLAN = "SELECT subscription_id, fence, first_seq, last_seq FROM broker.plan_batches(%s, 60)"


@pytest.fixture
def subscribed(orders):
    """A subscription with one undelivered message."""
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a")
    orders.broadcast()
    return subscribed


def test_a_planned_batch_is_not_planned_again(subscribed):
    [job] = planner.plan(10)
    assert (job.subscription_id, job.first_seq, job.last_seq, job.attempt) == (subscribed.id, 1, 1, 1)
    assert planner.plan(10) == []


def test_the_fence_of_a_job_has_more_than_32_bits(orders, subscribed):
    [job] = planner.plan(10)
    assert 2**32 < job.fence < 2**63
    planner.plan(0, [replace(outcome(job), fence=job.fence % 2**32)])
    assert orders.subscription(subscribed).behind == 1
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).behind == 0


def test_a_job_does_not_contain_the_secret(subscribed):
    [job] = planner.plan(10)
    assert subscribed.secret not in str(job)
    assert job.headers.keys() == {"content-type", "webhook-id", "webhook-timestamp", "webhook-signature"}


def test_a_batch_that_cannot_be_signed_delays_no_other(orders, subscribed, owner, log_lines):
    owner.execute("UPDATE subscriptions SET secrets = '{?}'")
    other = orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    assert [job.subscription_id for job in planner.plan(10)] == [other.id]
    assert [line["message"] for line in log_lines()] == ["the broker failed"]


@pytest.mark.parametrize("again", [False, True])
def test_a_message_whose_content_is_missing_delays_its_subscription_only(
    orders, invoices, owner, subscribed, log_lines, again
):
    """Nothing of the broker does that; but a restore by hand may."""
    if again:  # the message is refused, and sent on its own
        planner.plan(0, [outcome(planner.plan(10)[0], 400)])
        orders.end_waits()
    owner.execute("DELETE FROM messages")
    beyond = orders.subscribe("http://127.0.0.1:8000/beyond")
    orders.publish("b")
    orders.broadcast()
    other = invoices.subscribe("http://127.0.0.1:8000/other")
    invoices.publish("c")
    invoices.broadcast()
    before = orders.subscription(subscribed)

    assert {job.subscription_id for job in planner.plan(10)} == {beyond.id, other.id}

    assert [(line["message"], line["error"]) for line in log_lines()] == [("the broker failed", "ContentMissing")]
    after = orders.subscription(subscribed)
    assert (after.cursor, after.redeliveries, after.failures) == (before.cursor, before.redeliveries, 0)
    orders.end_waits()
    assert planner.plan(10) != []  # of the others, whose jobs are lost here
    assert orders.subscription(subscribed).cursor == before.cursor


def test_a_batch_whose_planner_died_is_planned_again(orders, subscribed):
    [lost] = planner.plan(10)
    orders.publish("b")
    orders.broadcast()
    orders.end_waits()

    [job] = planner.plan(10)

    assert job.fence > lost.fence
    assert (job.webhook_id, job.body, job.attempt) == (lost.webhook_id, lost.body, lost.attempt)


def test_redeliveries_and_batches_take_turns_though_their_jobs_are_lost(orders, subscribed):
    """A job that ends Deliver each time delays nothing else of its subscription. Its batch stays the same too."""
    planner.plan(0, [outcome(planner.plan(10)[0], 400)])
    jobs = []
    for content in "bcde":
        orders.publish(content)
        orders.broadcast()
        orders.end_waits()
        jobs += planner.plan(10)
    assert [job.redelivery is not None for job in jobs] == [True, False, True, False]
    assert (jobs[0].webhook_id, jobs[0].body) == (jobs[2].webhook_id, jobs[2].body)
    assert (jobs[1].webhook_id, jobs[1].body) == (jobs[3].webhook_id, jobs[3].body)


def test_an_outcome_of_a_batch_that_is_not_under_way_changes_nothing(orders, subscribed):
    """As one that SQS kept while the database was restored: its fence may come again."""
    [job] = planner.plan(10)
    planner.plan(0, [replace(outcome(job), last_seq=2)])
    assert (orders.subscription(subscribed).cursor, orders.subscription(subscribed).behind) == (0, 1)
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).behind == 0


def test_each_subscription_gets_its_own_batch_though_some_get_the_same_messages(orders):
    early = [orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=2) for n in range(2)]
    orders.publish("a", "b", "c")
    orders.broadcast()
    late = orders.subscribe("http://127.0.0.1:8000/late")
    orders.publish("d")
    orders.broadcast()

    planned = {job.subscription_id: json.loads(job.body) for job in planner.plan(10)}

    sent = {each: [message["content"] for message in body["messages"]] for each, body in planned.items()}
    assert sent == {early[0].id: ["a", "b"], early[1].id: ["a", "b"], late.id: ["d"]}
    assert all(body["subscription"] == str(each) for each, body in planned.items())


def test_a_webhook_id_names_the_subscription_and_the_messages_of_the_batch(orders):
    subscribed = [orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=2) for n in range(2)]
    a, b, c = orders.publish("a", "b", "c")
    orders.broadcast()
    first = planner.plan(10)
    second = planner.plan(10, [outcome(job) for job in first])

    assert {job.webhook_id for job in first} == {webhook_ids.batch(each.id, a, b) for each in subscribed}
    assert {job.webhook_id for job in second} == {webhook_ids.batch(each.id, c) for each in subscribed}


def test_the_webhook_id_of_a_redelivery_names_its_message(orders, subscribed):
    [batch] = planner.plan(10)
    planner.plan(0, [outcome(batch, 400)])
    orders.end_waits()
    [again] = planner.plan(10)
    assert again.webhook_id == webhook_ids.redelivery(subscribed.id, *orders.logged())


def test_a_redelivery_has_no_age_because_a_redriven_message_is_not_late(orders, subscribed):
    [batch] = planner.plan(10)
    planner.plan(0, [outcome(batch, 400)])
    orders.end_waits()
    [again] = planner.plan(10)
    assert batch.since is not None
    assert again.since is None


@pytest.mark.parametrize("status", [200, 503, 410])
def test_an_outcome_whose_lease_was_taken_over_changes_nothing(orders, owner, subscribed, status):
    [lost] = planner.plan(10)
    orders.end_waits()
    [job] = planner.plan(10)
    before = everything(owner, but="attempts")

    planner.plan(0, [outcome(lost, status)])

    assert everything(owner, but="attempts") == before
    assert len(attempts.list_attempts("orders", subscribed.id, attempts.List()).items) == 1
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1


def test_an_outcome_recorded_twice_changes_nothing_the_second_time(orders, subscribed):
    [job] = planner.plan(10)
    orders.publish("b")
    orders.broadcast()
    planner.plan(0, [outcome(job)])
    [following] = planner.plan(10)
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1
    planner.plan(0, [outcome(following)])
    assert orders.subscription(subscribed).cursor == 2


@pytest.mark.parametrize("status", [200, 503, 410])
def test_an_outcome_recorded_twice_before_the_next_plan_counts_once(orders, owner, subscribed, status):
    [job] = planner.plan(10)
    ended = outcome(job, status)
    planner.plan(0, [ended])
    before = everything(owner)
    planner.plan(0, [ended])
    assert everything(owner) == before
    assert len(attempts.list_attempts("orders", subscribed.id, attempts.List()).items) == 1


def test_an_outcome_that_two_sessions_record_counts_once_and_is_one_attempt(
    orders, session, background, subscribed, log_lines
):
    [job] = planner.plan(10)
    ended = msgspec.json.encode([outcome(job)]).decode()
    first = session(autocommit=False)
    first.execute(RECORD, [ended])
    second = background(session(), RECORD, ended)
    first.commit()
    assert second.result() == []
    assert orders.subscription(subscribed).cursor == 1
    assert len(attempts.list_attempts("orders", subscribed.id, attempts.List()).items) == 1


def test_outcomes_of_many_subscriptions_are_recorded_at_once(orders, subscribed):
    other = orders.subscribe("http://127.0.0.1:8000/other")
    orders.publish("b")
    orders.broadcast()
    jobs = planner.plan(10)
    planner.plan(0, [outcome(job, 200 if job.subscription_id == other.id else 503) for job in jobs])
    assert (orders.subscription(subscribed).failures, orders.subscription(other).cursor) == (1, 2)


def test_an_outcome_counts_though_the_subscription_was_paused_since(orders, subscribed):
    [job] = planner.plan(10)
    orders.change(subscribed, paused=True)
    planner.plan(0, [outcome(job)])
    assert orders.subscription(subscribed).cursor == 1
    assert orders.subscription(subscribed).paused_at is not None


def test_an_outcome_of_a_removed_subscription_is_dropped(orders, owner, subscribed):
    [job] = planner.plan(10)
    subscriptions.unsubscribe("orders", subscribed.id)
    planner.plan(0, [outcome(job)])
    assert owner.execute("SELECT FROM attempts").fetchall() == []


def test_a_plan_takes_the_longest_due_subscriptions_first_and_at_most_its_limit(orders, owner):
    ids = [orders.subscribe(f"http://127.0.0.1:8000/{n}").id for n in range(4)]
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE cursors SET due_at = now() - interval '1 hour' WHERE subscription_id = %s", [ids[2]])
    [first] = planner.plan(1)
    assert first.subscription_id == ids[2]
    assert {job.subscription_id for job in planner.plan(10)} == {*ids} - {ids[2]}
    assert planner.plan(0) == []


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


def plan(limit, in_flight, session):
    return (
        session().execute("SELECT subscription_id FROM broker.plan_batches(%s, 60, %s)", [limit, in_flight]).fetchall()
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
    owner.execute(
        "UPDATE cursors SET failures = 1, due_at = now() - interval '1 min'"
        " WHERE subscription_id IN (SELECT id FROM subscriptions WHERE right(url, 1) < '4')"
    )
    assert [len(plan(1, 4, session)) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert owner.execute("SELECT failing FROM deliveries ORDER BY 1").fetchall() == [(False,)] * 2 + [(True,)] * 2


def test_failing_subscriptions_that_have_redeliveries_too_have_no_more_of_the_jobs(orders, owner, session):
    for n in range(6):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    planner.plan(0, [outcome(job, 400) for job in planner.plan(10)])
    orders.publish("b")
    orders.broadcast()
    owner.execute("UPDATE cursors SET failures = 1, due_at = now() - interval '1 min'")
    orders.end_waits()
    assert [len(plan(10, 4, session)) for _ in range(2)] == [2, 0]


def test_a_recorded_outcome_makes_room_for_another_job(orders, session):
    for n in range(2):
        orders.subscribe(f"http://127.0.0.1:8000/{n}")
    orders.publish("a")
    orders.broadcast()
    [job] = planner.plan(1)
    assert plan(1, 1, session) == []
    planner.plan(0, [outcome(job)])
    assert len(plan(1, 1, session)) == 1


def test_a_subscription_far_behind_does_not_delay_one_that_is_little_behind(orders, owner):
    far, near = (orders.subscribe(f"http://127.0.0.1:8000/{n}", batch_size=1) for n in ("far", "near"))
    orders.publish(*range(20))
    orders.broadcast()
    owner.execute("UPDATE cursors SET cursor = 19 WHERE subscription_id = %s", [near.id])
    [first] = planner.plan(1)
    planner.plan(0, [outcome(first)])
    assert {job.subscription_id for job in planner.plan(2)} | {first.subscription_id} == {far.id, near.id}


def test_a_subscription_resumed_during_a_request_is_not_sent_the_batch_twice(orders, subscribed):
    [job] = planner.plan(1)
    orders.change(subscribed, paused=True)
    orders.change(subscribed, paused=False)
    assert planner.plan(1) == []
    planner.plan(0, [outcome(job)])
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
    [old] = planner.plan(10)
    orders.change(subscribed, url="http://127.0.0.1:8000/new")
    planner.plan(0, [outcome(old, status)])
    [new] = planner.plan(10)
    assert (new.url, new.webhook_id, new.attempt) == ("http://127.0.0.1:8000/new", old.webhook_id, 1)
