"""Partitions: publish always has one to write to, whatever the clock did, and however long Maintain has not run."""

from itertools import pairwise
from uuid import UUID

import psycopg
import pytest

from broker import settings
from broker.queue import browsing
from broker.schema import maintenance
from tests.support import partitions
from tests.support.partitions import bounds
from tests.support.topic import Topic

DAY = 86_400_000  # ms
WIDTH = 3.75 * DAY  # of a retention of 30 days


def skip_maintenance(ring, days):
    """Let the only partition have ended so many days ago, as if Maintain had not run since."""
    partitions.drop_all(ring)
    partitions.add(ring, "early", "'epoch'", f"date_trunc('day', now(), 'UTC') - interval '{days} days'")


def now(ring):
    return int(ring.execute("SELECT extract(epoch FROM now()) * 1000").fetchone()[0])


def test_a_new_database_is_ready_for_all_times_up_to_tomorrow(ring):
    [(first, last)] = bounds(ring)
    assert first == 0
    assert last > now(ring) + DAY


@pytest.mark.parametrize("days", [0, 3, 20, 400])
def test_publish_makes_one_partition_when_those_that_exist_have_ended(ring, days):
    orders = Topic("orders", ring)
    skip_maintenance(ring, days)

    orders.publish("a")

    assert orders.contents(orders.consume()) == ["a"]
    [(_, ended), (first, last)] = bounds(ring)
    assert (first - ended) % WIDTH == 0
    assert (first <= now(ring) < last, last - first) == (True, WIDTH)


def test_publish_makes_a_partition_when_all_that_exist_begin_later(ring):
    orders = Topic("orders", ring)
    partitions.drop_all(ring)
    tomorrow = "date_trunc('day', now(), 'UTC') + interval '1 day'"
    partitions.add(ring, "tomorrow", tomorrow, f"{tomorrow} + interval '1 day'")

    orders.publish("a")

    assert orders.contents(orders.consume()) == ["a"]
    [(first, end), (next_first, _)] = bounds(ring)
    assert (first, end) == (0, next_first)


def test_a_clock_that_jumps_ahead_leaves_a_hole_that_is_filled_when_it_is_back(ring):
    before = bounds(ring)
    assert partitions.make(ring, "now() + interval '365 days'") == 1
    [ahead] = set(bounds(ring)) - set(before)
    assert ahead[1] - ahead[0] == WIDTH
    assert ahead[0] > before[-1][1] + 300 * DAY

    assert partitions.make(ring, "now()") == 0
    assert partitions.make(ring, "now() + interval '100 days'") == 1
    [filled] = set(bounds(ring)) - {*before, ahead}
    assert filled[1] - filled[0] == WIDTH
    assert (filled[0] - before[-1][1]) % WIDTH == 0


def test_a_partition_in_a_narrow_hole_ends_where_the_next_one_begins(ring):
    end = bounds(ring)[-1][1]
    partitions.add(ring, "next", f"to_timestamp({end / 1000}) + interval '1 hour'", "now() + interval '30 days'")
    assert partitions.make(ring, f"to_timestamp({end / 1000})") == 1
    assert (end, end + DAY // 24) in bounds(ring)


def test_older_messages_are_still_there_after_publish_has_made_a_partition(ring):
    orders = Topic("orders", ring)
    partitions.drop_all(ring)
    partitions.make(ring, "now() - interval '10 days'")
    [published, after] = orders.publish("before", "after")
    before = UUID(int=published.int - (10 * DAY << 80))
    ring.execute("UPDATE messages SET id = %s WHERE id = %s", [before, published])
    ring.execute("UPDATE queue SET message_id = %s WHERE message_id = %s", [before, published])
    assert len(bounds(ring)) == 2
    assert [browsing.trace("orders", each).state for each in (before, after)] == ["waiting", "waiting"]


def test_a_partition_begins_where_the_last_one_ends(ring):
    skip_maintenance(ring, 0)
    for days in range(0, 40, 3):
        ring.execute("SELECT ensure_partitions(now(), now() + make_interval(days => %s))", [days])
    assert all(earlier[1] == later[0] for earlier, later in pairwise(bounds(ring)))


def test_existing_partitions_are_not_made_again(ring):
    ahead = "SELECT ensure_partitions(now(), now() + interval '20 days')"
    assert ring.execute(ahead).fetchone()[0] > 0
    before = bounds(ring)
    assert ring.execute(ahead).fetchone() == (0,)
    assert bounds(ring) == before


@pytest.mark.parametrize(("days", "width"), [(1, 1), (8, 1), (30, 3.75), (365, 45.625)])
def test_there_are_at_most_ten_partitions_for_any_retention(ring, days, width):
    ring.execute("UPDATE ring SET retention = make_interval(days => %s)", [days])
    skip_maintenance(ring, 0)
    ring.execute("SELECT ensure_partitions(now(), now() + make_interval(days => %s))", [days])
    _, *made = bounds(ring)
    assert len(made) <= 10
    assert {last - first for first, last in made} == {width * DAY}


@pytest.mark.slow
def test_the_width_of_a_partition_does_not_depend_on_the_time_zone(ring):
    skip_maintenance(ring, 0)
    ring.execute("SET timezone = 'Europe/Berlin'")
    ring.execute("SELECT ensure_partitions(now(), now() + interval '365 days')")
    assert {last - first for first, last in bounds(ring)[1:]} == {WIDTH}


def test_maintain_makes_the_partitions_of_the_days_ahead(ring):
    ring.execute("UPDATE ring SET retention = interval '1 day'")
    skip_maintenance(ring, 5)
    assert maintenance.maintain().made > 0
    assert maintenance.maintain().made == 0
    assert bounds(ring)[-1][1] > now(ring) + 2 * DAY


def test_the_tables_of_a_partition_made_by_publish_have_a_primary_key_and_no_rights(ring):
    partitions.drop_all(ring)
    Topic("orders", ring).publish("a")
    made = ring.execute(
        "SELECT c.relname, (SELECT count(*) FROM pg_index WHERE indrelid = c.oid AND indisprimary), relacl"
        " FROM pg_class c WHERE relispartition AND relkind = 'r' ORDER BY 1"
    ).fetchall()
    [name] = partitions.attached(ring)
    assert made == [(f"{table}_{name}", 1, None) for table in sorted(partitions.RINGS)]


def test_publishers_do_not_wait_while_a_partition_is_made(ring):
    orders = Topic("orders", ring)
    orders.publish("a")
    with ring.transaction():
        ring.execute("SELECT ensure_partitions(now(), now() + interval '20 days')")
        with psycopg.connect(settings.current().database_url, autocommit=True) as publisher:
            publisher.execute("""SELECT broker.publish('orders', '"b"')""")
    assert orders.contents(orders.consume()) == ["a", "b"]


def test_an_open_publish_that_made_the_next_partition_stops_no_other_publisher(ring):
    orders = Topic("default", ring)
    partitions.drop_all(ring)
    partitions.add(ring, "early", "'epoch'", "now() + interval '50 seconds'")
    with psycopg.connect(settings.current().database_url) as publisher:
        publisher.execute("""SELECT broker.publish('default', '"a"')""")
        orders.publish("b")
        assert orders.contents(orders.consume()) == ["b"]
    assert orders.contents(orders.consume()) == ["a"]
    assert len(bounds(ring)) == 2


def test_two_publishers_make_a_missing_partition_once(ring, background):
    partitions.drop_all(ring)
    url = settings.current().database_url
    with psycopg.connect(url) as first, psycopg.connect(url, autocommit=True) as second:
        first.execute("""SELECT broker.publish('orders', '"a"')""")
        publishing = background(second, """SELECT broker.publish('orders', '"b"')""")
        first.commit()
        publishing.result()
    assert len(bounds(ring)) == 1
    assert len(Topic("orders", ring).rows()) == 2


def test_partitions_of_less_than_a_day_are_made_for_eight_of_their_widths_ahead(ring):
    """As soaks have them: of the next two days there would be thousands."""
    partitions.drop_all(ring)
    ring.execute("UPDATE ring SET retention = '2 s', min_width = '1 ms'")
    maintenance.maintain()
    maintenance.maintain()
    Topic("orders", ring).publish("a")
    _, *made = bounds(ring)
    assert {last - first for first, last in made[1:]} == {250}
    assert 8 <= len(made) <= 24
