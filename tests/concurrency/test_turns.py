"""The ring turns under load: partitions leave many times an hour, and no message that is needed leaves with them."""

import time
from collections import Counter

import psycopg
import pytest

from broker import settings, topics
from broker.schema import maintenance, removal
from tests.support import partitions
from tests.support.load import Load
from tests.support.soak import share
from tests.support.topic import Topic

TURNS = 1_000  # partitions that are removed
SECONDS = 600
TABLES_OF_A_PARTITION = 12  # four, and their indexes
MEGABYTE = 1 << 20
EXPECTED_WAITS = {removal.BUSY, removal.BLOCKED}
SIZES = """SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'broker'::regnamespace),
                  (SELECT count(*) FROM partitions), pg_database_size(current_database())"""
HEAP_AND_INDEXES = """
SELECT c.relname, pg_relation_size(c.oid)
  FROM pg_class t LEFT JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid IN (t.oid, i.indexrelid)
 WHERE t.relnamespace = 'broker'::regnamespace
   AND t.relname IN ('queue', 'cursors', 'deliveries', 'topic_states', 'batch_windows', 'redeliveries', 'kept_messages',
                     'kept_log', 'look_requests')"""


@pytest.fixture
def watcher(ring):
    """Another session of the owner, for the thread of Maintain."""
    url = settings.current().owner_database_url
    with psycopg.connect(url, autocommit=True, options="-c search_path=broker") as watcher:
        yield watcher


@pytest.fixture
def autovacuum(ring):
    """Let autovacuum come by as often in a share of the time as it does in the whole by default: each minute."""
    ring.execute(f"ALTER SYSTEM SET autovacuum_naptime = {share(60)}")
    ring.execute("SELECT pg_reload_conf()")
    yield
    ring.execute("ALTER SYSTEM RESET autovacuum_naptime")
    ring.execute("SELECT pg_reload_conf()")


@pytest.fixture
def load(ring):
    """Make a load in a ring with partitions of this width: `load(watch, "1 s")`. It begins as a context."""

    def load(watch, width):
        partitions.drop_all(ring)
        ring.execute("UPDATE ring SET retention = 4 * %(width)s::interval, min_width = %(width)s", {"width": width})
        topics.put("orders", topics.Put(max_receives=5))
        topics.put("news", topics.Put(broadcast="auto"))
        return Load(ring, settings.current().database_url, watch)

    return load


def assert_nothing_was_lost(load, ring, log_lines):
    """Orders were acked once each, and news delivered everywhere; nothing of them is left, and nothing failed."""
    news = set(load.published["news"])
    assert load.acked == Counter(load.published["orders"])
    assert {path: set(taken) for path, taken in load.receiver.taken.items()} == {"/slow": news, "/picky": news}
    assert [line for line in log_lines() if line.get("reason") not in EXPECTED_WAITS] == []
    assert {"ack", "release", "reject", "redriven of orders", "redriven of news"} <= set(+load.done)
    maintenance.maintain()
    assert Topic("orders", ring).rows() == Topic("news", ring).rows() == {}
    assert ring.execute("TABLE kept_messages").fetchall() == ring.execute("TABLE kept_log").fetchall() == []


def print_counts(load, early, last):
    counts = {
        "partitions": load.turns,
        "stayed": load.stayed.total(),
        **{name: len(ids) for name, ids in load.published.items()},
    }
    sizes = {"MB early": round(early / MEGABYTE, 1), "MB at the end": round(last / MEGABYTE, 1)}
    print(f"\n{', '.join(f'{name} {count}' for name, count in (counts | sizes | load.done).items())}")


@pytest.mark.slow
@pytest.mark.soak
def test_nothing_is_lost_and_nothing_grows_while_the_ring_turns(ring, load, watcher, log_lines):
    sizes = []

    with load(lambda _: sizes.append(watcher.execute(SIZES).fetchone()), "250 ms") as running:
        running.wait_for(lambda running: running.turns >= share(TURNS))
        running.finish()

    print_counts(running, sizes[len(sizes) // 2][2], sizes[-1][2])
    assert_nothing_was_lost(running, ring, log_lines)
    sizes.append(ring.execute(SIZES).fetchone())
    others = {relations - TABLES_OF_A_PARTITION * made for relations, made, _ in sizes}
    assert (len(others), sizes[-1][1] < 25) == (1, True), sizes
    assert sizes[-1][2] < 1.5 * sizes[len(sizes) // 2][2] + 8 * MEGABYTE  # the catalog's, until autovacuum comes by


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.usefixtures("autovacuum")
def test_heap_and_indexes_stop_growing_after_a_fifth_of_a_mixed_load(ring, load, watcher, log_lines):
    sizes = []
    begun = time.monotonic()

    def watch(running):
        sizes.append((time.monotonic() - begun, running.done["a pause"], dict(watcher.execute(HEAP_AND_INDEXES))))

    with load(watch, "500 ms") as running:
        running.wait_for(lambda running: time.monotonic() - begun >= share(SECONDS) and running.done["a pause"] > 1)
        seen = len(sizes)
        running.finish()

    [early, *_] = [size for at, pauses, size in sizes if at >= share(SECONDS) / 5 and pauses]  # a pause fills them
    last = sizes[seen - 1][2]
    print_counts(running, sum(early.values()), sum(last.values()))
    assert_nothing_was_lost(running, ring, log_lines)
    grown = {name: (early[name], last[name]) for name in early if last[name] > 2 * early[name] + 4 * MEGABYTE}
    assert grown == {}
