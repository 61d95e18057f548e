"""Broadcasts: what moves to the log, in which order, and what stays."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker import deadlines, topics
from broker.errors import NotFound
from broker.pubsub.broadcasts import Broadcast

pytestmark = pytest.mark.verbs

NOWHERE = "http://127.0.0.1:8000/"


@pytest.fixture
def told(orders):
    """The topic, with a subscription."""
    orders.subscribe(NOWHERE)
    return orders


def test_without_a_subscription_nothing_moves(orders):
    orders.publish("a")
    assert orders.broadcast() == Broadcast(0, 0, None, 0, 0)
    assert orders.log() == []
    assert orders.contents(orders.consume()) == ["a"]


def test_what_is_ready_moves_to_the_log_in_order(told):
    told.publish("a", "b")
    told.publish("c")
    assert told.broadcast() == Broadcast(3, 1, 1, 3, 0)
    assert told.log() == [(1, "a"), (2, "b"), (3, "c")]
    assert told.rows() == {}
    assert told.consume() == []


def test_a_broadcast_of_nothing_says_where_the_log_ends(told):
    told.publish("a", "b")
    told.broadcast()
    assert told.broadcast() == Broadcast(0, 1, None, 2, 0)
    assert topics.read("orders").last_seq == 2


def test_the_log_goes_on_without_a_gap(told):
    for n in range(5):
        told.publish(*range(n))
        told.broadcast()
    assert [seq for seq, _ in told.log()] == list(range(1, 11))


def test_each_topic_counts_by_itself(told, invoices):
    invoices.subscribe(NOWHERE)
    told.publish("a", "b")
    told.broadcast()
    invoices.publish("c")
    assert invoices.broadcast() == Broadcast(1, 1, 1, 1, 0)


def test_leased_and_delayed_messages_stay_for_the_next(told):
    told.publish("leased", "delayed", "ready")
    _, delayed = told.consume(2)
    told.settle(release=[{"receipt": delayed.receipt, "delay_seconds": 60}])

    assert told.broadcast() == Broadcast(1, 1, 1, 1, 0)
    assert told.log() == [(1, "ready")]

    told.end_leases()
    assert told.broadcast() == Broadcast(2, 1, 2, 3, 0)
    assert told.log()[1:] == [(2, "leased"), (3, "delayed")]


def test_an_acked_message_is_not_broadcast(told):
    told.publish("a", "b")
    [leased] = told.consume(1)
    told.settle(ack=[leased.receipt])
    told.broadcast()
    assert told.log() == [(1, "b")]


def test_a_message_out_of_receives_is_buried_not_broadcast(told, owner):
    told.publish("spent", "b")
    told.consume(1)
    owner.execute("UPDATE queue SET receives = 10 WHERE receives = 1")
    told.end_leases()

    assert told.broadcast().messages == 1
    assert told.log() == [(1, "b")]
    assert [row["reason"] for row in told.rows().values()] == ["receives exhausted"]


def test_dead_messages_stay_dead(told):
    told.publish("a")
    [leased] = told.consume()
    told.settle(reject=[leased.receipt])
    assert told.broadcast() == Broadcast(0, 1, None, 0, 0)
    assert len(told.rows()) == 1


def test_paused_and_disabled_subscriptions_count(told, owner):
    paused = told.subscribe(NOWHERE + "paused")
    told.change(paused, paused=True)
    disabled = told.subscribe(NOWHERE + "disabled")
    owner.execute("UPDATE subscriptions SET disabled_at = now(), disabled_reason = 'gone' WHERE id = %s", [disabled.id])
    told.publish("a")
    assert told.broadcast().subscriptions == 3


def test_a_broadcast_writes_no_row_for_a_subscription(told, owner):
    for n in range(9):
        told.subscribe(f"{NOWHERE}{n}")
    rows = owner.execute("SELECT xmin, s.* FROM subscriptions s ORDER BY id").fetchall()
    told.publish(*range(20))
    told.broadcast()
    assert owner.execute("SELECT xmin, s.* FROM subscriptions s ORDER BY id").fetchall() == rows
    assert owner.execute("SELECT count(*) FROM log").fetchone() == (20,)


def test_each_broadcast_that_moved_leaves_one_span(told, owner):
    ids = told.publish("a", "b") + told.publish("c")
    told.broadcast()
    told.broadcast()
    [last] = told.publish("d")
    told.broadcast()
    spans = owner.execute("SELECT first_seq, last_seq, first_id, last_id FROM log_spans ORDER BY first_seq").fetchall()
    assert spans == [(1, 3, ids[0], ids[2]), (4, 4, last, last)]


def test_more_than_ten_thousand_go_in_chunks(told, owner):
    told.fill(20_001)
    assert told.broadcast() == Broadcast(20_001, 1, 1, 20_001, 0)
    assert told.log() == [(n, n) for n in range(1, 20_002)]
    assert owner.execute("SELECT first_seq, last_seq FROM log_spans ORDER BY first_seq").fetchall() == [
        (1, 10_000),
        (10_001, 20_000),
        (20_001, 20_001),
    ]


def test_what_is_published_between_two_chunks_stays(told, session):
    told.publish("a", "b", "c")
    move = "SELECT messages, remaining, until FROM broker.broadcast('orders', %s, 2)"
    functions = session()

    first, remaining, until = functions.execute(move, [None]).fetchone()
    told.publish("meanwhile")
    second, nothing_left, same = functions.execute(move, [until]).fetchone()

    assert (first, remaining, second, nothing_left) == (2, 1, 1, 0)
    assert same == until
    assert told.contents(told.consume()) == ["meanwhile"]


def test_what_is_published_while_it_runs_is_in_none_of_its_chunks(told, owner, session):
    told.fill(20_500)
    ended = threading.Event()

    def publish(connection):
        while not ended.is_set():
            connection.execute("SELECT broker.publish('orders', '0')")

    with ThreadPoolExecutor() as pool:
        publishing = pool.submit(publish, session())
        told.broadcast()
        ended.set()
        publishing.result()

    [began] = owner.execute("SELECT min(broadcast_at) FROM log_spans").fetchone()
    late = "SELECT count(*) FROM log l JOIN messages m ON m.id = l.message_id WHERE m.created_at > %s"
    assert owner.execute(late, [began]).fetchone() == (0,)


def test_a_broadcast_that_runs_out_of_time_tells_what_remains(told):
    told.fill(20_500)
    deadlines.begin(0)
    assert told.broadcast() == Broadcast(10_000, 1, 1, 10_000, 10_001)
    deadlines.begin(60)
    assert told.broadcast() == Broadcast(10_500, 1, 10_001, 20_500, 0)


def test_a_buried_chunk_does_not_end_the_broadcast(told, owner):
    told.fill(10_000)
    owner.execute("UPDATE queue SET receives = max_receives")
    told.publish("behind")
    assert told.broadcast() == Broadcast(1, 1, 1, 1, 0)


def test_broadcast_in_an_unknown_topic_is_refused(orders):
    with pytest.raises(NotFound):
        orders.broadcast()
