"""Broadcasts: which messages move to the log, in which order, and which stay in the queue."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker import deadlines, topics
from broker.errors import NotFound
from broker.pubsub import broadcasts
from broker.pubsub.broadcasts import Broadcast, StartBroadcast
from tests.support.snapshots import everything

pytestmark = pytest.mark.verbs

NOWHERE = "http://127.0.0.1:8000/"


@pytest.fixture
def topic(orders):
    """A topic with a subscription."""
    orders.subscribe(NOWHERE)
    return orders


def test_without_a_subscription_nothing_moves(orders):
    orders.publish("a")
    assert orders.broadcast() == Broadcast(0, 0, None, 0, 0)
    assert orders.log() == []
    assert orders.contents(orders.consume()) == ["a"]


def test_ready_messages_move_to_the_log_in_order(topic):
    topic.publish("a", "b")
    topic.publish("c")
    assert topic.broadcast() == Broadcast(3, 1, 1, 3, 0, due=True)
    assert topic.log() == [(1, "a"), (2, "b"), (3, "c")]
    assert topic.rows() == {}
    assert topic.consume() == []


def test_a_broadcast_that_moves_nothing_returns_the_last_seq(topic):
    topic.publish("a", "b")
    topic.broadcast()
    assert topic.broadcast() == Broadcast(0, 1, None, 2, 0, due=True)
    assert topics.read("orders").last_seq == 2


def preview():
    return broadcasts.broadcast("orders", StartBroadcast(dry_run=True))


def test_a_dry_run_counts_what_would_move_and_changes_nothing(topic, owner):
    topic.publish("a", "b", "c")
    topic.consume(1)
    before = everything(owner)
    assert preview() == Broadcast(2, 1, None, 0, 0)
    assert everything(owner) == before
    assert topic.broadcast().messages == 2
    assert preview() == Broadcast(0, 1, None, 2, 0)


def test_a_dry_run_without_a_subscription_counts_nothing(orders):
    orders.publish("a")
    assert preview() == Broadcast(0, 0, None, 0, 0)


def test_a_dry_run_does_not_count_messages_whose_receives_are_exhausted(topic, owner):
    topic.publish("a", "b")
    owner.execute("UPDATE queue SET receives = max_receives WHERE message_id = %s", [next(iter(topic.rows()))])
    assert preview().messages == 1
    assert topic.broadcast().messages == 1


def test_a_dry_run_counts_up_to_ten_thousand(topic):
    topic.fill(10_000)
    assert (preview().messages, preview().remaining) == (10_000, 0)
    topic.fill(2)
    assert (preview().messages, preview().remaining) == (10_000, 1)


def test_a_dry_run_in_an_unknown_topic_is_not_found():
    with pytest.raises(NotFound):
        broadcasts.broadcast("nowhere", StartBroadcast(dry_run=True))


def test_the_log_is_numbered_without_gaps(topic):
    for n in range(5):
        topic.publish(*range(n))
        topic.broadcast()
    assert [seq for seq, _ in topic.log()] == list(range(1, 11))


def test_each_topic_has_its_own_seqs(topic, invoices):
    invoices.subscribe(NOWHERE)
    topic.publish("a", "b")
    topic.broadcast()
    invoices.publish("c")
    assert invoices.broadcast() == Broadcast(1, 1, 1, 1, 0, due=True)


def test_leased_and_delayed_messages_stay_for_the_next_broadcast(topic):
    topic.publish("leased", "delayed", "ready")
    _, delayed = topic.consume(2)
    topic.settle(release=[{"receipt": delayed.receipt, "delay_seconds": 60}])

    assert topic.broadcast() == Broadcast(1, 1, 1, 1, 0, due=True)
    assert topic.log() == [(1, "ready")]

    topic.end_leases()
    assert topic.broadcast() == Broadcast(2, 1, 2, 3, 0, due=True)
    assert topic.log()[1:] == [(2, "leased"), (3, "delayed")]


def test_an_acked_message_is_not_broadcast(topic):
    topic.publish("a", "b")
    [leased] = topic.consume(1)
    topic.settle(ack=[leased.receipt])
    topic.broadcast()
    assert topic.log() == [(1, "b")]


def test_a_message_whose_receives_are_exhausted_becomes_a_dead_letter(topic, owner):
    topic.publish("exhausted", "b")
    topic.consume(1)
    owner.execute("UPDATE queue SET receives = 10 WHERE receives = 1")
    topic.end_leases()

    assert topic.broadcast().messages == 1
    assert topic.log() == [(1, "b")]
    assert [row["reason"] for row in topic.rows().values()] == ["receives exhausted"]


def test_dead_letters_are_not_broadcast(topic):
    topic.publish("a")
    [leased] = topic.consume()
    topic.settle(reject=[leased.receipt])
    assert topic.broadcast() == Broadcast(0, 1, None, 0, 0)
    assert len(topic.rows()) == 1


def test_a_broadcast_counts_paused_and_disabled_subscriptions_too(topic, owner):
    paused = topic.subscribe(NOWHERE + "paused")
    topic.change(paused, paused=True)
    disabled = topic.subscribe(NOWHERE + "disabled")
    owner.execute(
        "UPDATE cursors SET disabled_at = now(), disabled_reason = 'gone' WHERE subscription_id = %s", [disabled.id]
    )
    topic.publish("a")
    assert topic.broadcast().subscriptions == 3


def test_a_broadcast_writes_no_row_for_a_subscription(topic, owner):
    for n in range(9):
        topic.subscribe(f"{NOWHERE}{n}")
    rows = [f"SELECT xmin, r.* FROM {table} r ORDER BY r.*::text" for table in ("subscriptions", "cursors")]
    before = [owner.execute(each).fetchall() for each in rows]
    topic.publish(*range(20))
    topic.broadcast()
    assert [owner.execute(each).fetchall() for each in rows] == before
    assert owner.execute("SELECT count(*) FROM log").fetchone() == (20,)


def test_each_broadcast_that_moves_messages_writes_one_span(topic, owner):
    topic.publish("a", "b")
    topic.publish("c")
    topic.broadcast()
    topic.broadcast()
    topic.publish("d")
    topic.broadcast()
    written = owner.execute("SELECT DISTINCT broadcast_at FROM log ORDER BY broadcast_at").fetchall()
    spans = owner.execute("SELECT first_seq, broadcast_at FROM log_spans ORDER BY first_seq").fetchall()
    assert spans == [(1, *written[0]), (4, *written[1])]


def test_more_than_ten_thousand_messages_move_in_chunks(topic, owner):
    topic.fill(20_001)
    assert topic.broadcast() == Broadcast(20_001, 1, 1, 20_001, 0, due=True)
    assert topic.log() == [(n, n) for n in range(1, 20_002)]
    spans = owner.execute("SELECT first_seq FROM log_spans ORDER BY first_seq").fetchall()
    assert spans == [(1,), (10_001,), (20_001,)]


def test_a_message_published_between_two_chunks_stays_in_the_queue(topic, session):
    topic.publish("a", "b", "c")
    move = "SELECT messages, remaining, until FROM broker.broadcast('orders', %s, 2)"
    functions = session()

    first, remaining, until = functions.execute(move, [None]).fetchone()
    topic.publish("between")
    second, nothing_left, same = functions.execute(move, [until]).fetchone()

    assert (first, remaining, second, nothing_left) == (2, 1, 1, 0)
    assert same == until
    assert topic.contents(topic.consume()) == ["between"]


def test_a_message_published_during_a_broadcast_is_in_none_of_its_chunks(topic, owner, session):
    topic.fill(20_500)
    ended = threading.Event()

    def publish(connection):
        while not ended.is_set():
            connection.execute("SELECT broker.publish('orders', '0')")

    with ThreadPoolExecutor() as pool:
        publishing = pool.submit(publish, session())
        topic.broadcast()
        ended.set()
        publishing.result()

    [began] = owner.execute("SELECT min(broadcast_at) FROM log_spans").fetchone()
    late = "SELECT count(*) FROM log l JOIN messages m ON m.id = l.message_id WHERE m.created_at > %s"
    assert owner.execute(late, [began]).fetchone() == (0,)


def test_a_broadcast_that_runs_out_of_time_returns_how_many_remain(topic):
    topic.fill(20_500)
    deadlines.begin(0)
    assert topic.broadcast() == Broadcast(10_000, 1, 1, 10_000, 10_001, due=True)
    deadlines.begin(60)
    assert topic.broadcast() == Broadcast(10_500, 1, 10_001, 20_500, 0, due=True)


def test_a_chunk_of_exhausted_messages_does_not_end_the_broadcast(topic, owner):
    topic.fill(10_000)
    owner.execute("UPDATE queue SET receives = max_receives")
    topic.publish("behind")
    assert topic.broadcast() == Broadcast(1, 1, 1, 1, 0, due=True)


def test_a_broadcast_of_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound):
        orders.broadcast()
