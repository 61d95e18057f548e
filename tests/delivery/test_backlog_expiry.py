"""What is owed to a paused or disabled subscription: kept for its days, and then lost, but not silently."""

import pytest

from broker import in_process
from broker.dispatch import planner
from broker.pubsub import subscriptions
from broker.queue import browsing
from broker.schema import maintenance

pytestmark = pytest.mark.verbs


@pytest.fixture
def paused(orders, endpoint):
    """A paused subscription that is owed three messages, from two broadcasts."""
    subscribed = orders.subscribe(endpoint.url, backlog_days=10)
    orders.change(subscribed, paused=True)
    orders.publish("a", "b")
    orders.broadcast()
    orders.publish("c")
    orders.broadcast()
    return subscribed


def grow_old(owner, last_seq, days):
    """Let what was broadcast up to `last_seq` have been so many days ago."""
    owner.execute(
        "UPDATE log_spans SET broadcast_at = now() - make_interval(days => %s) WHERE last_seq <= %s", [days, last_seq]
    )


def test_what_is_owed_for_too_long_is_lost_and_stated(orders, owner, paused):
    grow_old(owner, 2, 11)
    assert maintenance.maintain().lost == 1
    after = orders.subscription(paused)
    assert (after.lost, after.cursor, after.behind) == (subscriptions.Lost(1, 2), 2, 1)
    assert maintenance.maintain().lost == 0


def test_what_is_younger_stays_owed(orders, owner, paused):
    grow_old(owner, 3, 9)
    assert maintenance.maintain().lost == 0
    assert (orders.subscription(paused).lost, orders.subscription(paused).behind) == (None, 3)


def test_a_loss_that_goes_on_is_one(orders, owner, paused):
    grow_old(owner, 2, 11)
    maintenance.maintain()
    grow_old(owner, 3, 11)
    maintenance.maintain()
    assert orders.subscription(paused).lost == subscriptions.Lost(1, 3)


def test_who_is_behind_and_sent_to_loses_nothing(orders, owner, paused):
    orders.change(paused, paused=False)
    grow_old(owner, 3, 400)
    assert maintenance.maintain().lost == 0
    assert orders.subscription(paused).behind == 3


def test_who_was_disabled_loses_likewise_and_catches_up_with_the_rest(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, backlog_days=1)
    for content in ("a", "b"):
        orders.publish(content)
        orders.broadcast()
    endpoint.answer(410, times=1)
    in_process.send_due()
    grow_old(owner, 1, 2)
    maintenance.maintain()
    orders.change(subscribed, disabled=False)
    in_process.send_due()
    after = orders.subscription(subscribed)
    assert (after.lost, after.cursor) == (subscriptions.Lost(1, 1), 2)


def test_an_outcome_that_comes_after_the_loss_changes_nothing(orders, owner, endpoint):
    subscribed = orders.subscribe(endpoint.url, backlog_days=1)
    orders.publish("a")
    orders.broadcast()
    planner.plan(None, 1)
    orders.change(subscribed, paused=True)
    grow_old(owner, 1, 2)
    maintenance.maintain()
    assert orders.subscription(subscribed).cursor == 1


def test_a_lost_message_says_so(orders, owner, paused):
    grow_old(owner, 2, 11)
    maintenance.maintain()
    first, _, third = orders.logged()
    assert [browsing.trace("orders", each).deliveries[0].state for each in (first, third)] == ["lost", "paused"]


def test_a_lost_message_says_so_after_another_loss_too(orders, owner, endpoint, paused):
    grow_old(owner, 2, 11)
    maintenance.maintain()
    orders.change(paused, paused=False)
    in_process.send_due()
    orders.change(paused, paused=True)
    orders.publish("d")
    orders.broadcast()
    grow_old(owner, 4, 11)
    maintenance.maintain()
    assert orders.subscription(paused).lost == subscriptions.Lost(4, 4)
    states = [browsing.trace("orders", each).deliveries[0].state for each in orders.logged()]
    assert states == ["lost", "lost", "delivered", "lost"]
