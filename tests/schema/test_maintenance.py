"""Maintenance: partitions past the retention are removed; those that are still needed stay, and are reported."""

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from broker import topics
from broker.errors import NotFound
from broker.pubsub import attempts, subscriptions
from broker.queue import browsing, dead_letters
from broker.schema import maintenance
from tests.support import partitions
from tests.support.topic import Topic

FORTY_DAYS = timedelta(days=40)
OLD = "messages_19700101_000000"  # it begins at 1970, as the first one does
WAITING = "it has waiting messages or dead letters"
BLOCKED = "a long transaction may still read it"


@pytest.fixture
def orders(ring):
    return Topic("orders", ring)


@pytest.fixture
def make_older(ring):
    """Move all messages, their log and the attempts forty days into the past, into the partition OLD."""
    partitions.drop_all(ring)
    partitions.make(ring, "now() - interval '41 days'")
    ring.execute("SELECT ensure_partitions(now(), now() + interval '2 days')")

    def make_older():
        for table, columns in {
            "queue": ("message_id",),
            "log": ("message_id",),
            "log_spans": ("first_id", "last_id"),
            "messages": ("id",),
        }.items():
            for column in columns:
                for (found,) in ring.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
                    ring.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", [older(found), found])
        ring.execute("UPDATE attempts SET started_at = started_at - %s", [FORTY_DAYS])

    return make_older


def older(message_id):
    return UUID(int=message_id.int - (int(FORTY_DAYS.total_seconds() * 1000) << 80))


@pytest.fixture
def late(ring, orders, make_older):
    """An open transaction that published a message forty days ago, which only its commit makes visible."""
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as late:
        [message_id] = late.execute("""SELECT publish('orders', '"late"')""").fetchone()
        late.execute("UPDATE messages SET id = %s WHERE id = %s", [older(message_id), message_id])
        late.execute("UPDATE queue SET message_id = %s WHERE message_id = %s", [older(message_id), message_id])
        yield late


def test_a_partition_of_consumed_messages_past_the_retention_is_removed(ring, orders, make_older):
    [message_id] = orders.publish("a")
    orders.consume(auto_ack=True)
    make_older()
    orders.publish("today")

    done = maintenance.maintain()

    assert (done.removed, done.kept) == ([OLD], [])
    assert OLD not in partitions.attached(ring)
    assert OLD not in partitions.tables(ring)
    with pytest.raises(NotFound):
        browsing.trace("orders", message_id)
    assert orders.contents(orders.consume()) == ["today"]
    assert maintenance.maintain().removed == []


@pytest.mark.parametrize("state", ["waiting", "leased", "dead"])
def test_a_partition_stays_while_its_messages_are_in_a_queue(ring, orders, make_older, state):
    orders.publish("a")
    if state != "waiting":
        [leased] = orders.consume()
    if state == "dead":
        orders.settle(reject=[leased.receipt])
    make_older()
    done = maintenance.maintain()
    assert done.removed == []
    assert done.kept == [maintenance.KeptPartition(OLD, WAITING)]
    dead_letters.delete("orders", dead_letters.Delete())
    orders.end_leases()
    orders.consume(auto_ack=True)
    assert maintenance.maintain().removed == [OLD]


@pytest.mark.parametrize("paused", [False, True])
def test_a_partition_stays_while_a_subscription_has_yet_to_get_its_messages(ring, orders, make_older, paused):
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    orders.change(subscribed, paused=paused)
    orders.publish("a")
    orders.broadcast()
    make_older()
    kept = [maintenance.KeptPartition(OLD, "a subscription has not received all its messages")]
    assert maintenance.maintain().kept == kept
    subscriptions.unsubscribe("orders", subscribed.id)
    assert maintenance.maintain().removed == [OLD]


def test_the_log_of_delivered_messages_is_removed_with_their_partition(ring, orders, make_older):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a", "b")
    orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 2")
    make_older()
    orders.publish("c")
    orders.broadcast()
    assert maintenance.maintain().removed == [OLD]
    assert orders.log() == [(3, "c")]
    assert ring.execute("SELECT first_seq, last_seq FROM log_spans").fetchall() == [(3, 3)]
    assert topics.read("orders").behind == 1


@pytest.mark.parametrize("chunk", [1, 3, 10_000])
def test_the_log_of_a_partition_is_cleared_in_chunks(ring, orders, make_older, monkeypatch, chunk):
    monkeypatch.setattr(maintenance, "CLEARED_AT_ONCE", chunk)
    orders.subscribe("http://127.0.0.1:8000/")
    for messages in ("a", "bc", "defg", "h"):
        orders.publish(*messages)
        orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 8")
    make_older()
    assert maintenance.maintain().removed == [OLD]
    assert orders.log() == []
    assert ring.execute("SELECT FROM log_spans").fetchall() == []


@pytest.fixture
def many_broadcasts(ring, orders):
    """2,000 broadcasts of five messages each, forty days ago; the only subscription has received all of them."""
    orders.subscribe("http://127.0.0.1:8000/")
    ring.execute(
        "INSERT INTO log SELECT t.id, n, first_uuid(now() - %s + (n - 1) / 5 * interval '1 s'), 1"
        " FROM topics t, generate_series(1, 10000) n",
        [FORTY_DAYS],
    )
    ring.execute(
        "INSERT INTO log_spans SELECT topic_id, min(seq), max(seq), min(message_id::text)::uuid,"
        " max(message_id::text)::uuid, now() - %s FROM log GROUP BY topic_id, (seq - 1) / 5",
        [FORTY_DAYS],
    )
    ring.execute("UPDATE topics SET last_seq = 10000")
    ring.execute("UPDATE subscriptions SET cursor = 10000")
    days = ring.execute("SELECT first_uuid(now() - interval '41 days'), first_uuid(now() - interval '39 days')")
    return days.fetchone()


@pytest.fixture
def rows_read(ring):
    """Run a statement: return its result, and how many rows of a table it read by scans and by an index."""

    def rows_read(table, statement, values=()):
        counts = "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %s"
        with ring.transaction():
            before = ring.execute(counts, [table]).fetchone()
            result = ring.execute(statement, values).fetchall()
            after = ring.execute(counts, [table]).fetchone()
        return result, after[0] - before[0], after[1] - before[1]

    return rows_read


@pytest.mark.parametrize("analyzed", [True, False])
def test_clearing_the_log_reads_the_rows_that_it_removes_and_not_the_whole_log(
    ring, many_broadcasts, rows_read, analyzed
):
    if analyzed:
        ring.execute("ANALYZE log, log_spans")
    cleared, scanned, found = rows_read("log", "SELECT clear_log(%s, %s, 1000)", many_broadcasts)
    assert (cleared, scanned) == ([(1000,)], 0)
    assert found < 5 * 1000


@pytest.mark.parametrize(
    ("cursor", "holds"),
    [(10_000, None), (9_997, "a subscription has not received all its messages")],
    ids=["delivered", "undelivered"],
)
def test_the_search_for_undelivered_messages_starts_at_the_slowest_cursor(
    ring, make_older, many_broadcasts, rows_read, cursor, holds
):
    ring.execute("ANALYZE log_spans, subscriptions")
    ring.execute("UPDATE subscriptions SET cursor = %s", [cursor])
    due, scanned, found = rows_read("log_spans", "SELECT holds FROM due_partitions()")
    assert (due, scanned) == ([(holds,)], 0)
    assert found <= 3


def test_the_log_keeps_the_new_messages_of_a_broadcast_of_old_and_new_ones(ring, orders, make_older):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("old")
    make_older()
    [new] = orders.publish("new")
    orders.broadcast()
    ring.execute("UPDATE subscriptions SET cursor = 2")
    assert maintenance.maintain().removed == [OLD]
    assert orders.log() == [(2, "new")]
    assert browsing.trace("orders", new).seq == 2


@pytest.mark.slow
def test_publishers_do_not_wait_when_a_long_transaction_blocks_the_removal_of_a_partition(ring, orders, make_older):
    orders.publish("a")
    orders.consume(auto_ack=True)
    make_older()
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        reader.execute("SELECT count(*) FROM messages")
        done = maintenance.maintain()
        assert done.kept == [maintenance.KeptPartition(OLD, BLOCKED)]
        orders.publish("b")
        assert orders.contents(orders.consume()) == ["b"]
    assert maintenance.maintain().removed == [OLD]
    assert OLD not in partitions.tables(ring)


def test_a_partition_stays_while_a_transaction_that_published_into_it_is_open(orders, late):
    done = maintenance.maintain()
    assert done.kept == [maintenance.KeptPartition(OLD, "an open transaction has published messages into it")]
    late.commit()
    assert maintenance.maintain().kept == [maintenance.KeptPartition(OLD, WAITING)]
    assert orders.contents(orders.consume(auto_ack=True)) == ["late"]
    assert maintenance.maintain().removed == [OLD]


def test_a_partition_is_attached_again_after_a_late_commit_into_it(ring, orders, late):
    """The message was published after Maintain had asked which messages are needed: what is left is half detached."""
    ring.execute("UPDATE partitions SET attached = false WHERE name = %s", [OLD])
    ring.execute("SET lock_timeout = '50ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        ring.execute(f"ALTER TABLE messages DETACH PARTITION {OLD} CONCURRENTLY")
    late.commit()
    assert orders.consume() == []

    done = maintenance.maintain()

    assert (done.removed, done.kept) == ([], [maintenance.KeptPartition(OLD, WAITING)])
    assert OLD in partitions.attached(ring)
    orders.end_leases()
    assert orders.contents(orders.consume(auto_ack=True)) == ["late"]
    assert maintenance.maintain().removed == [OLD]


@pytest.mark.parametrize("needed", [False, True], ids=["not needed", "needed"])
def test_a_removal_that_was_killed_before_the_table_was_dropped_is_finished(ring, orders, make_older, needed):
    orders.publish("a")
    make_older()
    leased = orders.consume(auto_ack=not needed)
    rows = ring.execute("DELETE FROM queue RETURNING *").fetchall()
    partitions.detach(ring, OLD)
    for row in rows:
        ring.execute("INSERT INTO queue VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)", row)
    assert OLD in partitions.tables(ring)

    done = maintenance.maintain()

    assert orders.contents(leased) == ["a"]
    assert done.removed == ([] if needed else [OLD])
    assert done.kept == ([maintenance.KeptPartition(OLD, WAITING)] if needed else [])
    assert (OLD in partitions.tables(ring)) == (OLD in partitions.attached(ring)) == needed


def test_a_removal_that_was_killed_at_its_begin_is_undone_when_a_message_is_needed(ring, orders, make_older):
    ring.execute("SELECT begin_removal(%s)", [OLD])
    orders.publish("a")
    make_older()
    assert maintenance.maintain().kept == [maintenance.KeptPartition(OLD, WAITING)]
    assert OLD in partitions.attached(ring)


def test_a_partition_is_attached_again_when_the_clock_goes_back_to_its_time(ring, make_older):
    partitions.detach(ring, OLD)
    assert OLD not in partitions.attached(ring)
    assert partitions.make(ring, "now() - interval '41 days'") == 0
    assert OLD in partitions.attached(ring)


def test_a_partition_whose_removal_began_under_a_clock_that_was_ahead_is_attached_again(ring):
    partitions.drop_all(ring)
    partitions.make(ring, "now() - interval '10 days'")
    partitions.detach(ring, OLD)
    assert maintenance.maintain().kept == [maintenance.KeptPartition(OLD, "its messages are within the retention")]
    assert OLD in partitions.attached(ring)


@pytest.fixture
def older_too(ring, make_older):
    """The name of another partition that is past the retention."""
    before = partitions.attached(ring)
    partitions.make(ring, "now() - interval '36 days'")
    [name] = set(partitions.attached(ring)) - set(before)
    return name


@pytest.mark.slow
def test_a_long_transaction_lets_all_partitions_stay_and_fails_nothing(ring, older_too):
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        reader.execute("SELECT count(*) FROM messages")
        done = maintenance.maintain()
        assert done.kept == [maintenance.KeptPartition(name, BLOCKED) for name in (OLD, older_too)]
    assert maintenance.maintain().removed == [OLD, older_too]


def test_a_detach_that_somebody_else_left_pending_fails_nothing(ring, make_older):
    today = partitions.attached(ring)[-1]
    with psycopg.connect(ring.info.dsn, password=ring.info.password, options="-c search_path=broker") as reader:
        reader.execute("SELECT count(*) FROM messages")
        ring.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            ring.execute(f"ALTER TABLE messages DETACH PARTITION {today} CONCURRENTLY")
    assert maintenance.maintain().kept == [maintenance.KeptPartition(OLD, BLOCKED)]


def test_maintenance_goes_on_when_one_task_fails(ring, orders, make_older):
    orders.publish("a")
    orders.consume(auto_ack=True)
    make_older()
    ring.execute("ALTER FUNCTION expire_backlog() RENAME TO expire_backlog_hidden")
    ring.execute("ALTER FUNCTION clear_attempts(integer) RENAME TO clear_attempts_hidden")
    try:
        with pytest.raises(psycopg.errors.UndefinedFunction, match="expire_backlog"):
            maintenance.maintain()
    finally:
        ring.execute("ALTER FUNCTION expire_backlog_hidden() RENAME TO expire_backlog")
        ring.execute("ALTER FUNCTION clear_attempts_hidden(integer) RENAME TO clear_attempts")
    assert OLD not in partitions.attached(ring)


def test_attempts_past_the_retention_are_cleared(ring, orders, make_older):
    subscribed = orders.subscribe("http://127.0.0.1:8000/")
    attempt = (
        "INSERT INTO attempts (subscription_id, webhook_id, first_seq, last_seq, attempt, started_at, duration_ms)"
        " VALUES (%s, 'w', 1, 1, 1, now(), 1)"
    )
    ring.execute(attempt, [subscribed.id])
    make_older()
    ring.execute(attempt, [subscribed.id])
    assert maintenance.maintain().cleared["attempts"] == 1
    assert len(attempts.list_attempts("orders", subscribed.id, None, 10).items) == 1
