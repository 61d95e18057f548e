"""Partitions: publish always has one to write to, even when Maintain has not run for months."""

import re
from itertools import pairwise

import psycopg
import pytest

from broker import settings
from broker.queue import browsing
from broker.schema import maintenance
from tests.support.topic import Topic

DAY = 86_400_000  # ms


def skip_maintenance(ring, days):
    """Drop all partitions, and let the last one have ended so many days ago, as if Maintain had not run since."""
    for (partition,) in ring.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'messages'::regclass"
    ):
        ring.execute(f"DROP TABLE {partition}")
    ring.execute("UPDATE ring SET ends_at = date_trunc('day', now(), 'UTC') - make_interval(days => %s)", [days])


def bounds(ring):
    """The begin and the end of each partition, in milliseconds since 1970."""
    found = ring.execute(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relispartition AND relkind = 'r' ORDER BY 1"
    )
    uuids = [re.findall(r"'([0-9a-f-]{36})'", bound) for (bound,) in found]
    assert all(uuid.endswith("-0000-0000-000000000000") for pair in uuids for uuid in pair)
    return [tuple(int(uuid.replace("-", "")[:12], 16) for uuid in pair) for pair in uuids]


def now(ring):
    return int(ring.execute("SELECT extract(epoch FROM now()) * 1000").fetchone()[0])


def test_a_new_database_is_ready_for_today_and_tomorrow(ring):
    [(first, last)] = bounds(ring)
    assert first <= now(ring)
    assert last > now(ring) + DAY


@pytest.mark.parametrize("days", [0, 3, 20, 400])
def test_publish_makes_a_missing_partition(ring, days):
    orders = Topic("orders", ring)
    skip_maintenance(ring, days)

    orders.publish("a")

    assert orders.contents(orders.consume()) == ["a"]
    made = bounds(ring)
    assert made[0][0] == now(ring) // DAY * DAY - days * DAY
    assert made[-1][1] > now(ring)
    assert len(made) <= 2


def test_older_messages_are_still_there_after_publish_has_made_a_partition(ring):
    orders = Topic("orders", ring)
    [before] = orders.publish("before")
    ring.execute("UPDATE ring SET ends_at = to_timestamp(%s)", [bounds(ring)[0][1] / 1000])
    [after] = orders.publish("after")
    assert [browsing.trace("orders", each).state for each in (before, after)] == ["waiting", "waiting"]


def test_a_partition_begins_where_the_last_one_ends(ring):
    skip_maintenance(ring, 30)
    for days in range(0, 40, 3):
        ring.execute("SELECT ensure_partitions(now() + make_interval(days => %s))", [days])
    assert all(earlier[1] == later[0] for earlier, later in pairwise(bounds(ring)))


def test_existing_partitions_are_not_made_again(ring):
    assert ring.execute("SELECT ensure_partitions(now() + interval '20 days')").fetchone()[0] > 0
    before = bounds(ring)
    assert ring.execute("SELECT ensure_partitions(now() + interval '20 days')").fetchone() == (0,)
    assert bounds(ring) == before


@pytest.mark.parametrize(("days", "width"), [(1, 1), (8, 1), (30, 3.75), (365, 45.625)])
def test_there_are_at_most_ten_partitions_for_any_retention(ring, days, width):
    ring.execute("UPDATE ring SET retention = make_interval(days => %s)", [days])
    skip_maintenance(ring, 0)
    ring.execute("SELECT ensure_partitions(now() + make_interval(days => %s))", [days])
    made = bounds(ring)
    assert len(made) <= 10
    assert {last - first for first, last in made} == {width * DAY}


def test_maintain_makes_the_partitions_of_the_days_ahead(ring):
    ring.execute("UPDATE ring SET retention = interval '1 day'")
    skip_maintenance(ring, 5)
    assert maintenance.maintain().made > 0
    assert maintenance.maintain().made == 0
    assert bounds(ring)[-1][1] > now(ring) + 2 * DAY


def test_a_partition_made_by_publish_has_a_primary_key_and_no_rights(ring):
    skip_maintenance(ring, 0)
    Topic("orders", ring).publish("a")
    [(partition, keys, rights)] = ring.execute(
        "SELECT c.relname, (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND indisprimary), relacl"
        " FROM pg_class c WHERE relispartition AND relkind = 'r'"
    ).fetchall()
    assert (partition[:9], keys, rights) == ("messages_", 1, None)


def test_publishers_do_not_wait_while_a_partition_is_made(ring):
    orders = Topic("orders", ring)
    orders.publish("a")
    with ring.transaction():
        ring.execute("SELECT ensure_partitions(now() + interval '20 days')")
        with psycopg.connect(settings.current().database_url, autocommit=True) as publisher:
            publisher.execute("""SELECT broker.publish('orders', '"b"')""")
    assert orders.contents(orders.consume()) == ["a", "b"]


def test_two_publishers_make_a_missing_partition_once(ring, background):
    skip_maintenance(ring, 0)
    url = settings.current().database_url
    with psycopg.connect(url) as first, psycopg.connect(url, autocommit=True) as second:
        first.execute("""SELECT broker.publish('orders', '"a"')""")
        publishing = background(second, """SELECT broker.publish('orders', '"b"')""")
        first.commit()
        publishing.result()
    assert len(bounds(ring)) == 1
    assert len(Topic("orders", ring).rows()) == 2
