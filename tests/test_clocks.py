"""Clocks: the database's clock jumps ahead and is set back. No publish fails, nothing is lost, and old messages leave.

Times that were stored while the clock was ahead stay: what became ready then is ready when the clock gets there again.
"""

import threading
from datetime import timedelta

import psycopg
import pytest

from broker import settings, topics
from broker.pubsub import broadcasts
from broker.queue import messages
from broker.schema import maintenance, migrations
from tests.support.runner import until
from tests.support.topic import TOKEN_ID, Topic

pytestmark = pytest.mark.slow

NOW = timedelta(0)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
PUBLISH = "SELECT ids[1] FROM broker.publish_unchecked(%s, '[{\"content\": 1}]', 'a test', %s)"
PUBLICATION = messages.publication(b'{"content": 1}')


@pytest.fixture
def clock(moving_clock):
    return moving_clock[0]


@pytest.fixture
def owner(moving_clock):
    return moving_clock[1]


class Publisher(threading.Thread):
    """Publishes to `orders` and `news`, in turns, until the end of the block."""

    def __init__(self):
        super().__init__()
        self.ids = {"orders": [], "news": []}
        self.failure = None
        self._ends = threading.Event()

    def run(self):
        try:
            with psycopg.connect(settings.current().database_url, autocommit=True) as session:
                while not self._ends.is_set():
                    for topic in self.ids:
                        self.ids[topic] += session.execute(PUBLISH, [topic, TOKEN_ID]).fetchone()
        except psycopg.Error as error:
            self.failure = error

    def publish_more(self):
        """Wait until it has published some more to each topic."""
        enough = len(self.ids["news"]) + 20
        until(lambda: self.failure or len(self.ids["news"]) >= enough)
        assert self.failure is None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self.join()


@pytest.mark.parametrize("step", [HOUR, YEAR], ids=["an hour", "a year"])
def test_no_publish_fails_and_nothing_is_lost_when_the_clock_jumps(clock, owner, step):
    migrations.migrate()
    orders, news = Topic("orders", owner), Topic("news", owner)
    news.subscribe("http://127.0.0.1:8000/")
    consumed = []
    with Publisher() as publisher:
        for ahead in (NOW, step, NOW, -step, NOW, step, NOW):
            clock.set_ahead(ahead)
            publisher.publish_more()
            consumed += [message.id for message in orders.consume(5, auto_ack=True)]
            news.broadcast()
            maintenance.maintain()
        publisher.publish_more()
    clock.set_ahead(step + HOUR)
    while leased := orders.consume(1000, auto_ack=True):
        consumed += [message.id for message in leased]
    news.broadcast()
    assert publisher.failure is None
    assert sorted(consumed) == sorted(publisher.ids["orders"])
    assert sorted(news.logged()) == sorted(publisher.ids["news"])
    assert len(news.log()) == len(news.logged())


def test_old_messages_leave_after_the_clock_jumped_a_year_ahead_and_came_back(clock, owner):
    migrations.migrate()
    orders = Topic("orders", owner)
    published = {}
    for ahead in (NOW, YEAR, 20 * DAY):
        clock.set_ahead(ahead)
        [published[ahead]] = orders.publish("a")
        assert len(orders.consume(auto_ack=True)) == 1

    def still_stored():
        stored = owner.execute("SELECT id FROM messages").fetchall()
        return [ahead for ahead, message_id in published.items() if (message_id,) in stored]

    assert maintenance.maintain().removed == []
    for days, left in ((40, [YEAR, 20 * DAY]), (60, [YEAR])):
        clock.set_ahead(days * DAY)
        assert maintenance.maintain().removed != []  # perhaps an empty one too: Maintain makes them two days ahead
        assert still_stored() == left
    clock.set_ahead(YEAR + 40 * DAY)
    maintenance.maintain()
    assert still_stored() == []


def test_publish_goes_on_in_a_database_that_was_migrated_by_a_clock_that_was_ahead(clock, owner):
    clock.set_ahead(40 * DAY)
    migrations.migrate()
    orders = Topic("orders", owner)
    clock.set_ahead(NOW)
    orders.publish("a")
    assert maintenance.maintain().kept == []
    assert orders.contents(orders.consume()) == ["a"]


def test_publish_goes_on_when_the_partition_of_today_was_removed_by_a_clock_that_was_ahead(clock, owner):
    migrations.migrate()
    orders = Topic("orders", owner)
    clock.set_ahead(YEAR)
    assert len(maintenance.maintain().removed) == 1
    clock.set_ahead(NOW)
    orders.publish("a")
    assert maintenance.maintain().removed == []
    assert orders.contents(orders.consume()) == ["a"]


@pytest.mark.parametrize("step", [HOUR, YEAR], ids=["an hour", "a year"])
def test_an_auto_topic_goes_on_at_once_when_the_clock_is_set_back(clock, owner, step):
    migrations.migrate()
    orders = Topic("orders", owner)
    topics.put("orders", topics.Put(broadcast="auto"))
    orders.subscribe("http://127.0.0.1:8000/")
    clock.set_ahead(step)
    for number in range(100):
        orders.publish(number)
    assert broadcasts.move(open_windows=True).batch_windows == {"orders": 0.5}

    clock.set_ahead(NOW)

    stored = messages.publish("orders", PUBLICATION, "me", TOKEN_ID)
    assert stored.due
    assert broadcasts.move(open_windows=True).messages == 1
    assert orders.logged()[-1] == stored.ids[0]
