"""Publishers, consumers and broadcasts at the same time: each message is acked once or broadcast once, never both."""

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from broker import topics
from tests.support.soak import share

PUBLISHERS, BATCH = 4, 10
QUICK, WHOLE = 100, 24_000  # batches of each publisher
CONSUMERS = 8

PUBLISH = "SELECT ids FROM broker.publish_batch('orders', %s::json, 'a publisher')"
CONSUME = "SELECT id, receipt FROM broker.consume('orders', 7, 30, %s)"
END_LEASES = """
UPDATE queue SET ready_at = statement_timestamp()
 WHERE message_id IN (SELECT q.message_id FROM queue q WHERE q.message_id = ANY (%s) AND q.leased_at IS NOT NULL
                       ORDER BY q.message_id FOR UPDATE)
"""
SETTLE = "SELECT gone, stale FROM broker.settle('orders', %s::json)"
BROADCAST = "SELECT messages FROM broker.broadcast('orders', NULL, 20)"


def publish(connection, batches):
    document = json.dumps([{"content": n} for n in range(BATCH)])
    return [each for _ in range(batches) for each in connection.execute(PUBLISH, [document]).fetchone()[0]]


def consume(connection, owner, seed, published, waiting):
    """Consume until the queue is empty; return the ids that were acked. Every third lease ends before its settle."""
    random_numbers = random.Random(seed)
    acked = []
    while not published.is_set() or waiting():
        auto_ack = random_numbers.random() < 0.1
        leased = connection.execute(CONSUME, [auto_ack]).fetchall()
        if auto_ack:
            acked += [message_id for message_id, _ in leased]
            continue
        if random_numbers.random() < 0.33:
            owner.execute(END_LEASES, [[message_id for message_id, _ in leased]])
        release = random_numbers.random() < 0.3
        receipts = {"release" if release else "ack": [receipt for _, receipt in leased]}
        gone, stale = connection.execute(SETTLE, [json.dumps(receipts)]).fetchone()
        if not release:
            acked += [message_id for message_id, receipt in leased if receipt not in {*gone, *stale}]
    return acked


def broadcast(connection, published):
    moved = 0
    while not published.is_set():
        moved += connection.execute(BROADCAST).fetchone()[0]
    return moved


@pytest.mark.parametrize(
    "batches", [QUICK, pytest.param(share(WHOLE), marks=[pytest.mark.slow, pytest.mark.soak])], ids=["quick", "long"]
)
def test_each_message_is_acked_once_or_broadcast_once(orders, owner, session, batches):
    topics.put("orders", topics.Put(max_receives=None))
    orders.subscribe("http://127.0.0.1:8000/")
    published = Event()
    connections = [session() for _ in range(CONSUMERS)]

    def waiting_for(connection):
        return lambda: connection.execute("SELECT waiting FROM broker.read_topic('orders')").fetchone()[0]

    with ThreadPoolExecutor(max_workers=32) as pool:
        consumers = [
            pool.submit(consume, connection, owner, seed, published, waiting_for(connection))
            for seed, connection in enumerate(connections)
        ]
        broadcasters = [pool.submit(broadcast, session(), published) for _ in range(2)]
        publishers = [pool.submit(publish, session(), batches) for _ in range(PUBLISHERS)]
        try:
            ids = [message_id for publisher in publishers for message_id in publisher.result()]
        finally:
            published.set()
        acked = [message_id for consumer in consumers for message_id in consumer.result()]
        moved = sum(broadcaster.result() for broadcaster in broadcasters)

    log = owner.execute("SELECT seq, message_id FROM log ORDER BY seq").fetchall()
    assert len(ids) == PUBLISHERS * batches * BATCH
    assert [seq for seq, _ in log] == list(range(1, moved + 1))
    assert Counter(acked) + Counter(message_id for _, message_id in log) == Counter(ids)
    assert orders.rows() == {}
    assert moved
    assert acked
