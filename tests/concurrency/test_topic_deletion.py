"""A topic is deleted while other sessions use it: no message that was stored is lost."""

import psycopg
import pytest

from broker import topics
from tests.support.sql_calls import BROADCAST, DELETE, PUBLISH, SUBSCRIBE, query

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


@pytest.mark.parametrize("statement", [PUBLISH, BROADCAST, "SELECT broker.unsubscribe('orders', NULL, 'none')"])
def test_a_deletion_gives_up_when_another_transaction_uses_the_topic(orders, first, second, statement):
    topics.put("orders", topics.Put())
    query(first, statement)
    with pytest.raises(psycopg.DatabaseError, match="another transaction uses the topic") as failed:
        query(second, DELETE)
    assert failed.value.sqlstate == "MB423"
    first.commit()
    assert topics.read("orders").name == "orders"


def test_the_answer_to_a_deletion_that_gives_up_says_when_to_repeat_it(client, orders, first):
    topics.put("orders", topics.Put())
    query(first, PUBLISH)
    refused = client.delete("/topics/orders?force=true")
    assert (refused.status, refused.headers["Retry-After"]) == (409, "1")
    assert refused.json["type"] == "urn:pgbroker:problem:busy"
    first.rollback()
    assert client.delete("/topics/orders").status == 204


def test_a_deletion_fails_after_a_publish_was_committed(orders, first, second):
    topics.put("orders", topics.Put())
    query(first, PUBLISH)
    first.commit()
    with pytest.raises(psycopg.DatabaseError, match="messages wait") as failed:
        query(second, DELETE)
    assert failed.value.sqlstate == "MB409"
    assert len(orders.rows()) == 1


def test_a_deletion_keeps_no_other_publisher_waiting_after_it_gave_up(orders, first, second, session):
    topics.put("orders", topics.Put())
    query(first, PUBLISH)
    deletes = session(autocommit=False)
    with pytest.raises(psycopg.DatabaseError):
        query(deletes, DELETE)
    query(second, PUBLISH)  # the transaction of the deletion is still open
    assert len(orders.rows()) == 1


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
