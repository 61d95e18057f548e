"""Claims of consume: how much one takes, where it starts to look, and how a long poll waits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from broker import deadlines, topics
from broker.queue import leases
from tests.support.runner import until

pytestmark = pytest.mark.verbs

SMALL = 1000  # bytes: room for two short messages


def claim(session, *, max_bytes=5_500_000, maximum=10, floor=None):
    """The contents that a claim through the SQL door returns."""
    found = session.execute(
        "SELECT content FROM broker.consume('orders', %s, p_floor => %s, p_max_bytes => %s)",
        [maximum, floor, max_bytes],
    )
    return [content for (content,) in found]


def make_older(owner, content, **age):
    """Move a message's ready_at into the past, as if its transaction had committed late."""
    owner.execute(
        "UPDATE queue SET ready_at = ready_at - %s"
        " WHERE message_id IN (SELECT id FROM messages WHERE content::text = %s)",
        [timedelta(**age), content],
    )


def test_a_claim_takes_no_more_bytes_than_its_limit(orders, session):
    orders.publish("a", "b", "c")
    assert claim(session(), max_bytes=SMALL) == ["a", "b"]
    assert [row["receives"] for row in orders.rows().values()] == [1, 1, 0]
    assert claim(session()) == ["c"]


def test_a_claim_takes_one_message_of_any_size(orders, session):
    orders.publish("a", "b")
    assert claim(session(), max_bytes=1) == ["a"]
    assert claim(session(), max_bytes=1) == ["b"]


def test_a_large_message_behind_a_small_one_waits_for_the_next_claim(orders, session):
    orders.publish("a", "b" * 1000, "c")
    assert claim(session(), max_bytes=SMALL) == ["a"]
    assert claim(session(), max_bytes=SMALL) == ["b" * 1000]
    assert claim(session(), max_bytes=SMALL) == ["c"]


def test_exhausted_messages_do_not_count_against_the_limits_of_a_claim(orders, owner, session):
    orders.publish("a", "b", "c", "d")
    owner.execute(
        "UPDATE queue SET receives = 10"
        " WHERE message_id IN (SELECT id FROM messages WHERE content::text IN ('\"a\"', '\"c\"'))"
    )
    assert claim(session(), max_bytes=SMALL, maximum=2) == ["b", "d"]


def test_a_claim_fits_a_lambda_response(orders):
    for _ in range(30):
        orders.publish('"' * 100_000)  # 400,000 bytes, escaped for JSON and again for Lambda's
    assert [len(orders.consume(1000)) for _ in range(3)] == [13, 13, 4]


def end_floor():
    """Let the five seconds of the topic's floor be over."""
    _, floor = leases._floors["orders"]
    leases._floors["orders"] = 0.0, floor


@pytest.mark.parametrize("before", [["a"], []])
def test_a_message_that_commits_late_is_found_when_the_floor_has_expired(orders, owner, before):
    topics.put("orders", topics.Put())
    for content in before:
        orders.publish(content)
    assert orders.contents(orders.consume()) == before  # sets the floor of the next claims
    orders.publish("late", "b")
    make_older(owner, '"late"', hours=1)
    assert orders.contents(orders.consume()) == ["b"]
    assert orders.consume() == []

    end_floor()

    assert orders.contents(orders.consume()) == ["late"]


def test_an_expired_floor_lets_a_claim_take_older_messages_first(orders, owner):
    orders.publish("a", "b", "c")
    orders.consume(1)
    orders.publish("late")
    make_older(owner, '"late"', hours=1)
    assert orders.contents(orders.consume(1)) == ["b"]
    end_floor()
    assert orders.contents(orders.consume(1)) == ["late"]


def test_a_floor_lasts_five_seconds_from_the_claim_that_set_it(orders, monkeypatch):
    topics.put("orders", topics.Put())
    now = leases.time.monotonic()
    monkeypatch.setattr(leases.time, "monotonic", lambda: now)
    orders.consume()
    assert leases._floors["orders"][0] == now + 5


def test_the_floor_of_an_empty_claim_is_a_second_ago_by_the_servers_clock(orders, owner):
    topics.put("orders", topics.Put())
    [before] = owner.execute("SELECT clock_timestamp()").fetchone()
    orders.consume()
    [after] = owner.execute("SELECT clock_timestamp()").fetchone()
    _, floor = leases._floors["orders"]
    assert before <= floor + timedelta(seconds=1) <= after


def test_the_floor_is_a_second_before_the_oldest_message_of_the_last_claim(orders, owner):
    orders.publish("a", "b", "c")
    make_older(owner, '"a"', hours=2)
    make_older(owner, '"b"', hours=1)
    for age in ("2 h", "1 h"):
        [taken] = orders.consume(1)
        _, floor = leases._floors["orders"]
        margin = owner.execute(
            "SELECT created_at - %s::interval - %s FROM messages WHERE id = %s", [age, floor, taken.id]
        )
        assert margin.fetchone() == (timedelta(seconds=1),)


def test_moving_the_floor_does_not_make_it_expire_later(orders):
    orders.publish("a", "b")
    orders.consume(1)
    until, _ = leases._floors["orders"]
    for found in (1, 0):
        assert len(orders.consume(1)) == found
        assert leases._floors["orders"][0] == until


def test_a_claim_with_a_floor_sees_nothing_older(orders, owner, session):
    orders.publish("a", "late")
    make_older(owner, '"late"', hours=1)
    [minute_ago] = owner.execute("SELECT now() - interval '1 min'").fetchone()
    assert claim(session(), floor=minute_ago) == ["a"]
    assert claim(session()) == ["late"]


def test_a_long_poll_returns_a_message_published_while_it_waits(orders, owner, session):
    orders.publish("before")
    orders.consume()
    publisher = session()

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
        publisher.execute("""SELECT broker.publish('orders', '"new"')""")
        assert orders.contents(polling.result()) == ["new"]


def test_a_long_poll_without_a_message_returns_an_empty_list(orders):
    orders.publish("a")
    orders.consume()
    assert orders.consume(wait_seconds=1) == []


def test_a_long_poll_ends_before_the_request_times_out(orders):
    orders.publish("a")
    orders.consume()
    deadlines.begin(deadlines.CLAIM_SECONDS)
    assert orders.consume(wait_seconds=20) == []
