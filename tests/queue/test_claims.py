"""Claims: how much one takes, where it begins to look, and how it waits for what is not there yet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from broker import deadlines
from broker.queue import leases
from tests.support.runner import until

pytestmark = pytest.mark.verbs

SMALL = 1000  # octets: room for two short messages


def claim(session, *, max_bytes=5_500_000, maximum=10, floor=None):
    """The contents that a claim through the SQL door is given."""
    found = session.execute(
        "SELECT content FROM broker.consume('orders', %s, p_floor => %s, p_max_bytes => %s)",
        [maximum, floor, max_bytes],
    )
    return [content for (content,) in found]


def grow_old(owner, content, **age):
    """Let a message be ready since long ago, as one is whose transaction committed late."""
    owner.execute(
        "UPDATE queue SET ready_at = ready_at - %s"
        " WHERE message_id IN (SELECT id FROM messages WHERE content::text = %s)",
        [timedelta(**age), content],
    )


def test_a_claim_takes_no_more_octets_than_it_has_room_for(orders, session):
    orders.publish("a", "b", "c")
    assert claim(session(), max_bytes=SMALL) == ["a", "b"]
    assert [row["receives"] for row in orders.rows().values()] == [1, 1, 0]
    assert claim(session()) == ["c"]


def test_one_message_always_fits(orders, session):
    orders.publish("a", "b")
    assert claim(session(), max_bytes=1) == ["a"]
    assert claim(session(), max_bytes=1) == ["b"]


def test_a_large_message_behind_a_small_one_waits_for_the_next_claim(orders, session):
    orders.publish("a", "b" * 1000, "c")
    assert claim(session(), max_bytes=SMALL) == ["a"]
    assert claim(session(), max_bytes=SMALL) == ["b" * 1000]
    assert claim(session(), max_bytes=SMALL) == ["c"]


def test_the_buried_take_no_room(orders, owner, session):
    orders.publish("a", "b", "c", "d")
    owner.execute(
        "UPDATE queue SET receives = 10"
        " WHERE message_id IN (SELECT id FROM messages WHERE content::text IN ('\"a\"', '\"c\"'))"
    )
    assert claim(session(), max_bytes=SMALL, maximum=2) == ["b", "d"]


def test_an_answer_stays_below_what_lambda_returns(orders):
    for _ in range(30):
        orders.publish('"' * 100_000)  # 400,000 octets, escaped for JSON and again for Lambda's
    assert [len(orders.consume(1000)) for _ in range(3)] == [13, 13, 4]


def test_messages_older_than_the_floor_are_found_in_the_call_that_comes_back_short(orders, owner):
    orders.publish("a")
    orders.consume()  # the next claims look from here on
    orders.publish("late", "b")
    grow_old(owner, '"late"', hours=1)
    assert sorted(orders.contents(orders.consume())) == ["b", "late"]


def test_messages_older_than_the_floor_are_found_without_it(orders, owner):
    orders.publish("a", "b", "c")
    orders.consume(1)
    orders.publish("late")
    grow_old(owner, '"late"', hours=1)
    assert orders.contents(orders.consume(1)) == ["b"]
    _, floor = leases._floors["orders"]
    leases._floors["orders"] = 0.0, floor  # its five seconds are over

    assert orders.contents(orders.consume(1)) == ["late"]


def test_the_floor_follows_a_second_behind_the_oldest_message(orders, owner):
    orders.publish("a", "b", "c")
    grow_old(owner, '"a"', hours=2)
    grow_old(owner, '"b"', hours=1)
    for age in ("2 h", "1 h"):
        [taken] = orders.consume(1)
        _, floor = leases._floors["orders"]
        behind = owner.execute(
            "SELECT created_at - %s::interval - %s FROM messages WHERE id = %s", [age, floor, taken.id]
        )
        assert behind.fetchone() == (timedelta(seconds=1),)


def test_a_floor_that_follows_is_not_used_for_longer(orders):
    orders.publish("a", "b")
    orders.consume(1)
    until, _ = leases._floors["orders"]
    orders.consume(1)
    assert leases._floors["orders"][0] == until


def test_a_claim_that_looks_twice_gives_nothing_twice(orders, owner, session):
    orders.publish("a", "late")
    grow_old(owner, '"late"', hours=1)
    [minute_ago] = owner.execute("SELECT now() - interval '1 min'").fetchone()
    assert claim(session(), floor=minute_ago) == ["a", "late"]
    assert claim(session()) == []


def test_a_long_poll_gets_what_is_published_meanwhile(orders, owner, session):
    orders.publish("before")
    orders.consume()
    other = session()

    def has_looked():
        return owner.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pgbroker'"
            " AND query LIKE '%%broker.consume%%' AND state = 'idle' AND query_start > %s",
            [started],
        ).fetchall()

    with ThreadPoolExecutor() as pool:
        [started] = owner.execute("SELECT clock_timestamp()").fetchone()
        polling = pool.submit(orders.consume, wait_seconds=20)
        until(has_looked)
        other.execute("""SELECT broker.publish('orders', '"meanwhile"')""")
        assert orders.contents(polling.result()) == ["meanwhile"]


def test_a_long_poll_ends_empty(orders):
    orders.publish("a")
    orders.consume()
    assert orders.consume(wait_seconds=1) == []


def test_a_long_poll_ends_before_the_request_does(orders):
    orders.publish("a")
    orders.consume()
    deadlines.begin(leases.SPARE_SECONDS)
    assert orders.consume(wait_seconds=20) == []
