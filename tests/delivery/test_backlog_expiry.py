"""The backlog of a paused or disabled subscription: kept for `backlog_days`, then lost, and the lost range is shown."""

from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from msgspec.structs import replace

from broker.dispatch import planner
from broker.pubsub import reading
from broker.queue import browsing
from broker.schema import maintenance
from broker.webhooks import outcomes
from broker.webhooks.transfer import Response
from tests.support.push_loop import push

pytestmark = pytest.mark.verbs


@pytest.fixture
def paused(orders, endpoint):
    """A paused subscription with a backlog of three messages, from two broadcasts."""
    subscribed = orders.subscribe(endpoint.url, backlog_days=10)
    orders.change(subscribed, paused=True)
    orders.publish("a", "b")
    orders.broadcast()
    orders.publish("c")
    orders.broadcast()
    return subscribed


def age_broadcasts(owner, last_seq, days):
    """Make the broadcasts up to `last_seq` so many days old."""
    owner.execute(
        "UPDATE log_spans SET broadcast_at = now() - make_interval(days => %s) WHERE first_seq <= %s", [days, last_seq]
    )


def test_a_backlog_older_than_backlog_days_is_lost_and_the_range_is_shown(orders, owner, paused):
    age_broadcasts(owner, 2, 11)
    assert maintenance.maintain().lost == 1
    after = orders.subscription(paused)
    assert (after.lost, after.cursor, after.behind) == (reading.Lost(1, 2), 2, 1)
    assert maintenance.maintain().lost == 0


def test_a_younger_backlog_is_kept(orders, owner, paused):
    age_broadcasts(owner, 3, 9)
    assert maintenance.maintain().lost == 0
    assert (orders.subscription(paused).lost, orders.subscription(paused).behind) == (None, 3)


def test_adjacent_lost_ranges_are_shown_as_one(orders, owner, paused):
    age_broadcasts(owner, 2, 11)
    maintenance.maintain()
    age_broadcasts(owner, 3, 11)
    maintenance.maintain()
    assert orders.subscription(paused).lost == reading.Lost(1, 3)


def test_an_active_subscription_loses_nothing_however_far_behind_it_is(orders, owner, paused):
    orders.change(paused, paused=False)
    age_broadcasts(owner, 3, 400)
    assert maintenance.maintain().lost == 0
    assert orders.subscription(paused).behind == 3


def test_a_disabled_subscription_loses_its_old_backlog_and_catches_up_with_the_rest(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, backlog_days=1)
    for content in ("a", "b"):
        orders.publish(content)
        orders.broadcast()
    endpoint.answer(410, times=1)
    push()
    age_broadcasts(owner, 1, 2)
    maintenance.maintain()
    orders.change(subscribed, disabled=False)
    push()
    after = orders.subscription(subscribed)
    assert (after.lost, after.cursor) == (reading.Lost(1, 1), 2)


def test_an_outcome_that_arrives_after_its_batch_was_lost_changes_nothing(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, backlog_days=1)
    orders.publish("a")
    orders.broadcast()
    [planned] = planner.plan(1)
    orders.change(subscribed, paused=True)
    age_broadcasts(owner, 1, 2)
    maintenance.maintain()
    assert orders.subscription(subscribed).cursor == 1
    lost = orders.subscription(subscribed)

    response = Response(500, None, {}, b"", datetime.now(UTC), timedelta(seconds=1))
    planner.plan(0, [outcomes.judge(planned, response)])

    after = orders.subscription(subscribed)
    assert after == replace(lost, headers=ANY, last_attempt=ANY)
    assert after.last_attempt.status == 500
    assert lost.failures == 0


def test_the_trace_of_a_lost_message_shows_lost(orders, owner, paused):
    age_broadcasts(owner, 2, 11)
    maintenance.maintain()
    first, _, third = orders.logged()
    assert [browsing.trace("orders", each).deliveries[0].state for each in (first, third)] == ["lost", "paused"]


def test_the_trace_of_a_lost_message_shows_lost_after_a_later_loss_too(orders, owner, endpoint, paused):
    age_broadcasts(owner, 2, 11)
    maintenance.maintain()
    orders.change(paused, paused=False)
    push()
    orders.change(paused, paused=True)
    orders.publish("d")
    orders.broadcast()
    age_broadcasts(owner, 4, 11)
    maintenance.maintain()
    assert orders.subscription(paused).lost == reading.Lost(4, 4)
    states = [browsing.trace("orders", each).deliveries[0].state for each in orders.logged()]
    assert states == ["lost", "lost", "delivered", "lost"]
