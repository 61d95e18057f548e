"""A topic that goes while others use it: what was said to be stored is never lost with it."""

import psycopg
import pytest

from broker import topics
from tests.support.sql_calls import BROADCAST, DELETE, PUBLISH, SUBSCRIBE, ask

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"


def test_a_deletion_sees_what_a_publisher_committed_meanwhile(orders, first, second, background):
    topics.put("orders", topics.Put())
    ask(first, PUBLISH)
    deleting = background(second, DELETE)
    first.commit()
    with pytest.raises(psycopg.DatabaseError, match="messages wait") as refused:
        deleting.result()
    assert refused.value.sqlstate == "BR409"
    assert len(orders.rows()) == 1


def test_a_deletion_goes_on_when_the_publisher_took_it_back(orders, owner, first, second, background):
    topics.put("orders", topics.Put())
    ask(first, PUBLISH)
    deleting = background(second, DELETE)
    first.rollback()
    deleting.result()
    assert owner.execute("SELECT FROM topics WHERE name = 'orders' AND deleted_at IS NULL").fetchall() == []


def test_what_is_published_during_a_deletion_begins_the_topic_anew(orders, owner, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    ask(first, DELETE)
    publishing = background(second, PUBLISH)
    first.commit()
    publishing.result()
    assert topics.read("orders").lease_seconds == 30
    assert orders.contents(orders.consume()) == ["b"]


def test_what_is_published_during_a_deletion_that_fails_stays_in_the_topic(orders, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    ask(first, DELETE)
    publishing = background(second, PUBLISH)
    first.rollback()
    publishing.result()
    assert topics.read("orders").lease_seconds == 77
    assert len(orders.rows()) == 1


def test_a_broadcast_of_a_topic_that_went_meanwhile_is_refused(first, second, background):
    topics.put("orders", topics.Put())
    ask(first, DELETE)
    broadcasting = background(second, BROADCAST)
    first.commit()
    with pytest.raises(psycopg.DatabaseError, match="no topic"):
        broadcasting.result()


def test_who_subscribes_to_a_topic_that_went_meanwhile_begins_it_anew(orders, first, second, background):
    topics.put("orders", topics.Put(lease_seconds=77))
    ask(first, DELETE)
    subscribing = background(second, SUBSCRIBE, URL)
    first.commit()
    [(_, created)] = subscribing.result()
    assert created
    assert topics.read("orders").lease_seconds == 30
    assert topics.read("orders").subscriptions == 1
