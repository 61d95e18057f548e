"""Topics that broadcast by themselves: who moves their messages, and that nobody's are left behind."""

import json
import time
from datetime import timedelta

import pytest

from broker import deadlines, topics
from broker.dispatch import planner
from broker.pubsub import broadcasts
from broker.queue import messages
from tests.support.sqs import dispatch, seconds_from_now, wake_up

pytestmark = pytest.mark.verbs

PUBLICATION = messages.publication(b'{"content": 1}')
BROADCAST = "SELECT messages FROM broker.broadcast(%s, p_skip => %s)"


@pytest.fixture
def news(orders, endpoint):
    """A topic that broadcasts by itself, with a subscription."""
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe(endpoint.url)
    return orders


def test_publish_says_whether_the_topic_broadcasts_by_itself(orders, owner):
    found = [owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone()]
    topics.put("orders", topics.Put(broadcast="auto"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    topics.change("orders", topics.Patch(broadcast="manual"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    assert found == [(False,), (True,), (False,)]


@pytest.mark.parametrize("named", [None, ["orders"], ["invoices", "orders"]])
def test_what_waits_is_moved_of_the_topics_named_or_of_all(news, named):
    news.publish("a", "b")
    assert broadcasts.move(named).messages == 2
    assert [content for _, content in news.log()] == ["a", "b"]
    assert broadcasts.move(named).messages == 0


def test_other_topics_are_left_alone(news, invoices, endpoint):
    invoices.subscribe(endpoint.url)
    invoices.publish("x")
    news.publish("a")
    assert broadcasts.move(["invoices"]).messages == 0
    assert broadcasts.move().messages == 1
    assert invoices.log() == []


def test_without_a_subscription_messages_stay_in_the_queue(orders):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.publish("a")
    assert broadcasts.move().messages == 0
    assert orders.contents(orders.consume()) == ["a"]


def test_what_is_on_lease_is_due_when_its_lease_ends(news, owner):
    news.publish("a")
    news.consume()
    assert broadcasts.move().messages == 0
    assert planner.next_due() > owner.execute("SELECT now()").fetchone()[0]
    news.end_leases()
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert broadcasts.move().messages == 1


def test_a_mover_does_not_wait_for_another(news, session):
    news.publish("a")
    one, other = session(autocommit=False), session()
    assert one.execute(BROADCAST, ["orders", False]).fetchone() == (1,)
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (0,)
    one.rollback()
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (1,)


def test_a_mover_gives_up_what_another_one_is_moving(news, session):
    news.publish("a")
    one = session(autocommit=False)
    one.execute(BROADCAST, ["orders", False])
    assert broadcasts.move().messages == 0
    one.commit()
    assert len(news.log()) == 1


def test_a_mover_looks_again_after_its_commit(news, monkeypatch):
    news.publish("a")
    move, late = broadcasts._move, iter(["b", "c"])

    def moves(*given, **wish):
        moved = move(*given, **wish)
        for content in late:
            news.publish(content)  # who finds that the topic is being moved leaves it to the mover
            break
        return moved

    monkeypatch.setattr(broadcasts, "_move", moves)
    assert broadcasts.move().messages == 3


def test_a_mover_stops_when_its_time_is_over(news):
    news.publish("a")
    deadlines.begin(5)
    assert broadcasts.move().messages == 0


def test_what_is_buried_does_not_stop_a_broadcast(orders, owner, endpoint):
    orders.subscribe(endpoint.url)
    orders.fill(10_000)
    owner.execute("UPDATE queue SET receives = max_receives")
    orders.publish("a")
    assert broadcasts.broadcast("orders").messages == 1


@pytest.fixture
def busy(news, owner):
    """A topic that was moved, found busy, and is watched, for a minute because tests are slow."""
    news.publish(*range(20))
    assert broadcasts.move(open_windows=True).batch_windows == {"orders": 0.1}
    watch(owner, 60)
    return news


def watch(owner, seconds):
    owner.execute("UPDATE topics SET batch_window_until = now() + make_interval(secs => %s)", [seconds])


def test_a_busy_topic_is_left_to_who_watches_it(busy, owner):
    busy.publish("a")
    assert broadcasts.move(open_windows=True).messages == 0
    assert broadcasts.move().messages == 0
    planner.plan("orders", 1, lease_seconds=120)
    [until] = owner.execute("SELECT batch_window_until FROM topics WHERE name = 'orders'").fetchone()
    assert planner.next_due() == until + timedelta(seconds=1)
    watch(owner, 0)
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert broadcasts.move(["orders"], open_windows=True) == broadcasts.Progress(1, {})


@pytest.mark.parametrize(("messages", "seconds"), [(4, None), (5, 0.025), (60, 0.3), (10_001, 0.5)])
def test_the_busier_a_topic_the_longer_it_is_watched(news, messages, seconds):
    news.fill(messages)
    moved = broadcasts.move(open_windows=True)
    assert moved == broadcasts.Progress(messages, {"orders": seconds} if seconds else {})


def test_only_who_will_look_again_watches(news):
    news.publish(*range(100))
    assert broadcasts.move().batch_windows == {}
    assert messages.publish("orders", PUBLICATION, "me").due


def test_a_broadcast_by_hand_takes_what_somebody_watches(busy):
    busy.publish("a")
    assert broadcasts.broadcast("orders").messages == 1


def test_what_is_published_while_a_topic_is_watched_wakes_nobody(client, busy, queues, owner):
    published = {"content": "a"}
    client.post("/topics/orders/messages", published)
    assert queues.dispatch.sent() == []
    watch(owner, 0)
    client.post("/topics/orders/messages", published)
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}]


def test_what_is_committed_when_the_watch_may_be_over_wakes_somebody(busy, monkeypatch):
    call, clock = messages.database.call, time.monotonic
    assert not messages.publish("orders", PUBLICATION, "me").due

    def slow(*given):
        stored = call(*given)
        monkeypatch.setattr(messages.time, "monotonic", lambda: clock() + 60)
        return stored

    monkeypatch.setattr(messages.database, "call", slow)
    assert messages.publish("orders", PUBLICATION, "me").due


def test_what_is_published_while_a_topic_is_watched_is_sent_without_another_wake_up(news, endpoint, queues):
    news.publish(*range(20))
    assert dispatch(wake_up(topic="orders")) == []
    assert [sent["wake_up"]["topic"] for sent in queues.dispatch.sent() if "topic" in sent["wake_up"]] == ["orders"]
    news.publish("a")
    queues.run()
    assert [len(json.loads(request.body)["messages"]) for request in endpoint.requests] == [20, 1]


def test_a_watch_that_is_lost_is_made_up_for_by_the_delayed_wake_up(busy, owner, queues):
    [until] = owner.execute("SELECT batch_window_until FROM topics WHERE name = 'orders'").fetchone()
    dispatch(wake_up(topic="orders"))
    assert queues.pending_wake_ups() == [until + timedelta(seconds=1)]
    busy.publish("a")
    watch(owner, 0)
    dispatch(wake_up(not_before=seconds_from_now(0)))
    assert len(busy.log()) == 21


def test_a_watch_is_over_when_there_is_nothing_more(busy, owner, queues):
    watch(owner, 0)
    dispatch(wake_up(topic="orders"))
    assert not any("topic" in sent["wake_up"] for sent in queues.dispatch.sent())
