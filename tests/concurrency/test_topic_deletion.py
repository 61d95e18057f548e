"""A topic is deleted while other sessions use it: no message that was stored is lost."""

import psycopg
import pytest

from broker import topics
from tests.support.sql_calls import BROADCAST, DELETE, PUBLISH, SUBSCRIBE, query

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def test_a_deletion_waits_for_an_open_publish_and_fails_when_it_commits(orders, first, second, background):
    topics.put("orders", topics.Put())
    query(first, PUBLISH)
    deleting = background(second, DELETE)
    first.commit()
    with pytest.raises(psycopg.DatabaseError, match="messages wait") as failed:
        deleting.result()
    assert failed.value.sqlstate == "MB409"
    assert len(orders.rows()) == 1


def test_a_deletion_waits_for_an_open_publish_and_succeeds_when_it_rolls_back(orders, owner, first, second, background):
    topics.put("orders", topics.Put())
    query(first, PUBLISH)
    deleting = background(second, DELETE)
    first.rollback()
    deleting.result()
    assert owner.execute("SELECT FROM topics WHERE name = 'orders' AND deleted_at IS NULL").fetchall() == []


def test_a_publish_that_waited_for_a_deletion_creates_the_topic_again(orders, owner, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    query(first, DELETE)
    publishing = background(second, PUBLISH)
    first.commit()
    publishing.result()
    assert topics.read("orders").lease_seconds == 30
    assert orders.contents(orders.consume()) == ["b"]


def test_a_publish_that_waited_for_a_deletion_keeps_the_topic_when_it_rolls_back(orders, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    query(first, DELETE)
    publishing = background(second, PUBLISH)
    first.rollback()
    publishing.result()
    assert topics.read("orders").lease_seconds == 77
    assert len(orders.rows()) == 1


def test_a_broadcast_that_waited_for_a_deletion_fails(first, second, background):
    topics.put("orders", topics.Put())
    query(first, DELETE)
    broadcasting = background(second, BROADCAST)
    first.commit()
    with pytest.raises(psycopg.DatabaseError, match="no topic"):
        broadcasting.result()


def test_a_subscribe_that_waited_for_a_deletion_creates_the_topic_again(orders, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    query(first, DELETE)
    subscribing = background(second, SUBSCRIBE, URL)
    first.commit()
    [(_, created)] = subscribing.result()
    assert created
    assert topics.read("orders").lease_seconds == 30
    assert topics.read("orders").subscriptions == 1
