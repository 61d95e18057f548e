"""Topics that broadcast by themselves: who moves their messages, and that nobody's are left behind."""

import pytest

from broker import broadcasts, deadlines, deliveries, topics

pytestmark = pytest.mark.verbs

BROADCAST = "SELECT messages FROM broker.broadcast(%s, p_skip => %s)"


@pytest.fixture
def news(orders, endpoint):
    """A topic that broadcasts by itself, with a subscription."""
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe(endpoint.url)
    return orders


def test_publish_says_whether_the_topic_broadcasts_by_itself(orders, owner):
    found = [owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone()]
    topics.put("orders", topics.Put(broadcast="auto"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    topics.change("orders", topics.Patch(broadcast="manual"))
    found.append(owner.execute("SELECT auto FROM broker.publish_batch('orders', '[{\"content\": 1}]')").fetchone())
    assert found == [(False,), (True,), (False,)]


@pytest.mark.parametrize("named", [None, ["orders"], ["invoices", "orders"]])
def test_what_waits_is_moved_of_the_topics_named_or_of_all(news, named):
    news.publish("a", "b")
    assert broadcasts.move(named) == 2
    assert [content for _, content in news.log()] == ["a", "b"]
    assert broadcasts.move(named) == 0


def test_other_topics_are_left_alone(news, invoices, endpoint):
    invoices.subscribe(endpoint.url)
    invoices.publish("x")
    news.publish("a")
    assert broadcasts.move(["invoices"]) == 0
    assert broadcasts.move() == 1
    assert invoices.log() == []


def test_without_a_subscription_messages_stay_in_the_queue(orders):
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.publish("a")
    assert broadcasts.move() == 0
    assert orders.contents(orders.consume()) == ["a"]


def test_what_is_on_lease_is_due_when_its_lease_ends(news, owner):
    news.publish("a")
    news.consume()
    assert broadcasts.move() == 0
    assert deliveries.next_due() > owner.execute("SELECT now()").fetchone()[0]
    news.end_leases()
    assert deliveries.next_due() <= owner.execute("SELECT now()").fetchone()[0]
    assert broadcasts.move() == 1


def test_a_mover_does_not_wait_for_another(news, session):
    news.publish("a")
    one, other = session(autocommit=False), session()
    assert one.execute(BROADCAST, ["orders", False]).fetchone() == (1,)
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (0,)
    one.rollback()
    assert other.execute(BROADCAST, ["orders", True]).fetchone() == (1,)


def test_a_mover_gives_up_what_another_one_is_moving(news, session):
    news.publish("a")
    one = session(autocommit=False)
    one.execute(BROADCAST, ["orders", False])
    assert broadcasts.move() == 0
    one.commit()
    assert len(news.log()) == 1


def test_a_mover_looks_again_after_its_commit(news, monkeypatch):
    news.publish("a")
    move, late = broadcasts._move, iter(["b", "c"])

    def moves(*given, **wish):
        moved = move(*given, **wish)
        for content in late:
            news.publish(content)  # who finds that the topic is being moved leaves it to the mover
            break
        return moved

    monkeypatch.setattr(broadcasts, "_move", moves)
    assert broadcasts.move() == 3


def test_a_mover_stops_when_its_time_is_over(news):
    news.publish("a")
    deadlines.begin(5)
    assert broadcasts.move() == 0


def test_what_is_buried_does_not_stop_a_broadcast(orders, owner, endpoint):
    orders.subscribe(endpoint.url)
    orders.fill(10_000)
    owner.execute("UPDATE queue SET receives = max_receives")
    orders.publish("a")
    assert broadcasts.broadcast("orders").messages == 1
