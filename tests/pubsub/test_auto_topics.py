"""Auto topics: which session moves their messages, when a batch window is open, and that no message is left behind."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from broker import deadlines, topics
from broker.dispatch import planner
from broker.pubsub import broadcasts
from broker.queue import dead_letters, messages
from tests.support.client import ROOT
from tests.support.sqs import dispatch, seconds_from_now, wake_up
from tests.support.topic import TOKEN_ID

pytestmark = pytest.mark.verbs

PUBLICATION = messages.publication(b'{"content": 1}')
BROADCAST = "SELECT messages FROM broker.broadcast(%s, p_skip => %s)"


@pytest.fixture
def news(orders, endpoint):
    """An auto topic with a subscription."""
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe(endpoint.url)
    return orders


def test_publish_reports_whether_the_topic_is_an_auto_topic(orders, owner):
    found = [owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone()]
    topics.put("orders", topics.Put(broadcast="auto"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    topics.change("orders", topics.Patch(broadcast="manual"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    assert found == [(False,), (True,), (False,)]


@pytest.mark.parametrize("named", [None, ["orders"], ["invoices", "orders"]])
def test_move_broadcasts_the_auto_topics_named_or_all(news, named):
    news.publish("a", "b")
    assert broadcasts.move(named).messages == 2
    assert [content for _, content in news.log()] == ["a", "b"]
    assert broadcasts.move(named).messages == 0


def test_move_leaves_out_manual_topics_and_those_not_named(news, invoices, endpoint):
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


@pytest.mark.parametrize("way", ["its lease ends", "released with a delay", "extended", "redriven with a delay"])
def test_an_auto_topic_is_due_when_a_message_returns_to_it(news, way):
    assert planner.next_due() is None
    news.publish("a")
    [leased] = news.consume(lease_seconds=60 if way == "its lease ends" else 30)
    match way:
        case "released with a delay":
            news.settle(release=[{"receipt": leased.receipt, "delay_seconds": 60}])
        case "extended":
            news.settle(extend=[{"receipt": leased.receipt, "lease_seconds": 60}])
        case "redriven with a delay":
            news.settle(reject=[leased.receipt])
            news.end_leases()
            assert planner.next_due() is None
            dead_letters.redrive("orders", dead_letters.Redrive(delay_seconds=60))
    [row] = news.rows().values()
    assert datetime.now(UTC) + timedelta(seconds=20) < news.next_due_at() <= row["ready_at"]
    assert broadcasts.move().messages == 0
    news.end_leases()
    assert planner.next_due() <= datetime.now(UTC)
    assert broadcasts.move().messages == 1


def test_the_next_look_at_an_auto_topic_is_for_its_first_message(news):
    news.publish("a", "b")
    news.consume(1, lease_seconds=60)
    news.consume(1, lease_seconds=30)
    assert planner.next_due() == min(row["ready_at"] for row in news.rows().values())


@pytest.mark.parametrize("way", ["put", "changed", "subscribed to"])
def test_a_topic_is_due_once_it_is_an_auto_topic_with_a_subscription(orders, way):
    orders.publish("a")
    if way == "subscribed to":
        topics.put("orders", topics.Put(broadcast="auto"))
        planner.next_due()
    orders.subscribe("http://127.0.0.1:8000/")
    if way == "put":
        topics.put("orders", topics.Put(broadcast="auto"))
    elif way == "changed":
        topics.change("orders", topics.Patch(broadcast="auto"))
    assert planner.next_due() <= datetime.now(UTC)
    assert broadcasts.move().messages == 1


def test_a_broadcast_that_skips_does_not_wait_for_a_running_one(news, session):
    news.publish("a")
    one, other = session(autocommit=False), session()
    assert one.execute(BROADCAST, ["orders", False]).fetchone() == (1,)
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (0,)
    one.rollback()
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (1,)


def test_move_leaves_a_topic_to_the_session_that_is_moving_it(news, session):
    news.publish("a")
    one = session(autocommit=False)
    one.execute(BROADCAST, ["orders", False])
    assert broadcasts.move().messages == 0
    one.commit()
    assert len(news.log()) == 1


def test_move_looks_again_after_its_commit(news, monkeypatch):
    news.publish("a")
    move, late = broadcasts._move, iter(["b", "c"])

    def move_then_publish(*args, **options):
        moved = move(*args, **options)
        for content in late:
            news.publish(content)  # another session would leave it to this one, which is moving the topic
            break
        return moved

    monkeypatch.setattr(broadcasts, "_move", move_then_publish)
    assert broadcasts.move().messages == 3


def test_a_message_whose_transaction_commits_long_after_its_publish_is_moved(news, owner, session):
    producer = session(autocommit=False)
    producer.execute("SELECT FROM broker.publish_batch('orders', '[{\"content\": \"late\"}]')")
    news.publish("a")
    assert broadcasts.move(open_windows=True).messages == 1
    owner.execute("UPDATE topic_states SET moved_until = moved_until + interval '1 minute'")  # as if a minute later
    producer.commit()
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert broadcasts.move(open_windows=True).messages == 1
    assert [content for _, content in news.log()] == ["a", "late"]


def test_move_stops_when_its_time_is_over(news):
    news.publish("a")
    deadlines.begin(5)
    assert broadcasts.move().messages == 0


def test_messages_that_become_dead_letters_do_not_stop_a_broadcast(orders, owner, endpoint):
    orders.subscribe(endpoint.url)
    orders.fill(10_000)
    owner.execute("UPDATE queue SET receives = max_receives")
    orders.publish("a")
    assert broadcasts.broadcast("orders").messages == 1


@pytest.fixture
def busy(news, owner):
    """An auto topic whose batch window is open, for a minute because tests are slow: here a window may last an hour."""
    publish_each(news, 20)
    assert broadcasts.move(open_windows=True).batch_windows == {"orders": 0.1}
    function = (ROOT / "layers/broker/broker/sql/functions/internal/batch_window_left.sql").read_text()
    owner.execute(function.replace("1 second", "1 hour"))
    set_batch_window(owner, 60)
    yield news
    owner.execute(function)


def publish_each(topic, count):
    """Publish so many messages, each on its own."""
    for nth in range(count):
        topic.publish(nth)


def set_batch_window(owner, seconds):
    """Let the open batch window end so many seconds from now."""
    owner.execute("DELETE FROM batch_windows")
    owner.execute(
        "INSERT INTO batch_windows SELECT id, now() + make_interval(secs => %s) FROM topics WHERE name = 'orders'",
        [seconds],
    )


def test_a_batch_window_that_a_clock_opened_before_it_was_set_back_is_none(news, owner):
    news.publish("a")
    set_batch_window(owner, 3600)
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert messages.publish("orders", PUBLICATION, "me", TOKEN_ID).due
    assert broadcasts.move(open_windows=True).messages == 2


def test_a_topic_with_an_open_batch_window_is_left_out(busy, owner):
    busy.publish("a")
    assert broadcasts.move(open_windows=True).messages == 0
    assert broadcasts.move().messages == 0
    planner.plan(1)
    [until] = owner.execute("SELECT ends_at FROM batch_windows").fetchone()
    assert planner.next_due() == until + timedelta(seconds=1)
    set_batch_window(owner, 0)
    assert planner.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert broadcasts.move(["orders"], open_windows=True) == broadcasts.Progress(1, {})


@pytest.mark.parametrize(("publishes", "seconds"), [(4, None), (5, 0.025), (60, 0.3), (10_001, 0.5)])
def test_a_batch_window_is_longer_the_more_publishes_were_moved(news, owner, publishes, seconds):
    news.fill(publishes)
    owner.execute(
        "UPDATE queue SET ready_at = ready_at - n.nth * interval '1 ms' FROM"
        " (SELECT message_id, row_number() OVER () AS nth FROM queue) n WHERE n.message_id = queue.message_id"
    )
    moved = broadcasts.move(open_windows=True)
    assert moved == broadcasts.Progress(publishes, {"orders": seconds} if seconds else {})


def test_one_publish_of_many_messages_opens_no_batch_window(news):
    news.publish(*range(1000))
    assert broadcasts.move(open_windows=True) == broadcasts.Progress(1000, {})


def test_move_opens_a_batch_window_only_when_its_caller_asks(news):
    publish_each(news, 10)
    assert broadcasts.move().batch_windows == {}
    assert messages.publish("orders", PUBLICATION, "me", TOKEN_ID).due


def test_publish_returns_for_how_long_the_batch_window_is_open(busy, owner):
    publish = "SELECT batch_window FROM broker.publish_unchecked('orders', '[{\"content\": 1}]', 'me', %s)"
    assert 0 < owner.execute(publish, [TOKEN_ID]).fetchone()[0] <= 60
    set_batch_window(owner, 7200)  # it was opened before the clock was set back
    assert owner.execute(publish, [TOKEN_ID]).fetchone() == (0,)
    set_batch_window(owner, 60)
    topics.change("orders", topics.Patch(broadcast="manual"))
    assert owner.execute(publish, [TOKEN_ID]).fetchone() == (0,)


def test_a_broadcast_call_moves_messages_during_a_batch_window(busy):
    busy.publish("a")
    assert broadcasts.broadcast("orders").messages == 1


def test_publish_sends_no_wake_up_until_the_batch_window_ends(client, busy, queues, owner):
    message = {"content": "a"}
    client.post("/topics/orders/messages", message)
    assert queues.dispatch.sent() == []
    set_batch_window(owner, 0)
    client.post("/topics/orders/messages", message)
    assert queues.dispatch.sent() == [{"wake_up": {"topic": "orders"}}]


def test_a_publish_that_may_commit_after_the_batch_window_is_due(busy, monkeypatch):
    call, clock = messages.database.call, time.monotonic
    assert not messages.publish("orders", PUBLICATION, "me", TOKEN_ID).due

    def call_slowly(*args):
        stored = call(*args)
        monkeypatch.setattr(messages.time, "monotonic", lambda: clock() + 60)
        return stored

    monkeypatch.setattr(messages.database, "call", call_slowly)
    assert messages.publish("orders", PUBLICATION, "me", TOKEN_ID).due


def test_a_message_published_during_a_batch_window_is_sent_without_another_wake_up(news, endpoint, queues):
    publish_each(news, 20)
    assert dispatch(wake_up(topic="orders")) == []
    assert [sent["wake_up"]["topic"] for sent in queues.dispatch.sent() if "topic" in sent["wake_up"]] == ["orders"]
    news.publish("a")
    queues.run()
    assert [len(json.loads(request.body)["messages"]) for request in endpoint.requests] == [20, 1]


def test_the_delayed_wake_up_moves_a_topic_whose_batch_window_was_forgotten(busy, owner, queues):
    [until] = owner.execute("SELECT ends_at FROM batch_windows").fetchone()
    dispatch(wake_up(topic="orders"))
    assert queues.pending_wake_ups() == [until + timedelta(seconds=1)]
    busy.publish("a")
    set_batch_window(owner, 0)
    dispatch(wake_up(not_before=seconds_from_now(0)))
    assert len(busy.log()) == 21


def test_no_batch_window_opens_when_there_is_nothing_to_move(busy, owner, queues):
    set_batch_window(owner, 0)
    dispatch(wake_up(topic="orders"))
    assert not any("topic" in sent["wake_up"] for sent in queues.dispatch.sent())
