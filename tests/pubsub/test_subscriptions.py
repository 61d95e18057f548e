"""Subscriptions: created once however often a caller subscribes, changed, paused and removed."""

import json
import uuid

import pytest

from broker import topics
from broker.errors import Conflict, InvalidInput, NotFound
from broker.pubsub import reading, subscriptions

pytestmark = pytest.mark.verbs

URL = "http://127.0.0.1:8000/"
SETTINGS = {"headers": {"x-shop": "1"}, "batch_size": 5}


def test_subscribe_creates_the_topic_and_shows_the_secret_once(orders):
    first = orders.subscribe(URL)
    again = orders.subscribe(URL)

    assert first.created
    assert first.broadcast == "manual"
    assert first.secret.startswith("whsec_")
    assert again == subscriptions.Subscribed(first.id, "manual", None, created=False, due=False)
    assert topics.read("orders").subscriptions == 1


def test_a_subscription_has_defaults(orders):
    found = orders.subscription(orders.subscribe(URL))
    assert (found.topic, found.name, found.url, bytes(found.headers)) == ("orders", URL, URL, b"{}")
    assert (found.batch_size, found.cursor, found.behind, found.failures) == (100, 0, 0, 0)
    assert (found.due_at, found.paused_at, found.disabled_at, found.disabled_reason) == (None, None, None, None)


def test_the_same_url_and_settings_are_the_same_subscription(orders):
    first = orders.subscribe(URL, **SETTINGS)
    assert orders.subscribe(URL, **SETTINGS).id == first.id
    assert orders.subscribe(URL, name=URL).id == first.id


@pytest.mark.parametrize("given", [{}, {"batch_size": 5}, {"headers": {"x-shop": "1"}}])
def test_only_the_settings_given_are_compared(orders, given):
    first = orders.subscribe(URL, **SETTINGS)
    assert orders.subscribe(URL, **given).id == first.id


@pytest.mark.parametrize("given", [{"batch_size": 6}, {"headers": {}}, {"headers": {"x-shop": "2"}}])
def test_other_settings_conflict_and_change_nothing(orders, given):
    first = orders.subscribe(URL, **SETTINGS)
    before = orders.subscription(first)
    with pytest.raises(Conflict, match=str(first.id)):
        orders.subscribe(URL, **given)
    assert orders.subscription(first) == before


def test_a_name_belongs_to_one_url(orders):
    first = orders.subscribe(URL, name="shop")
    with pytest.raises(Conflict, match=str(first.id)):
        orders.subscribe(URL + "other", name="shop")


def test_another_name_makes_another_subscription_of_the_same_url(orders):
    first = orders.subscribe(URL, name="one")
    second = orders.subscribe(URL, name="two", batch_size=7)
    assert first.id != second.id
    assert second.created
    assert second.secret != first.secret


def test_topics_share_no_subscription(orders, invoices):
    assert orders.subscribe(URL).id != invoices.subscribe(URL).id


def test_a_subscription_is_behind_on_later_broadcasts_only(orders):
    early = orders.subscribe(URL)
    orders.publish("a", "b")
    orders.broadcast()
    orders.publish("c")

    late = orders.subscribe(URL + "late")

    assert (orders.subscription(late).cursor, orders.subscription(late).behind) == (2, 0)
    orders.broadcast()
    assert orders.subscription(late).behind == 1
    assert orders.subscription(early).behind == 3
    assert topics.read("orders").behind == 3


def test_a_url_that_may_not_be_a_webhook_is_refused_and_creates_no_topic(orders):
    with pytest.raises(InvalidInput) as refused:
        orders.subscribe("ftp://127.0.0.1/", headers={"Webhook-Id": "1", "x-good": "", "HOST": "h"})
    assert [fault.pointer for fault in refused.value.faults] == ["/headers/Webhook-Id", "/headers/HOST", "/url"]
    with pytest.raises(NotFound):
        topics.read("orders")


def test_subscriptions_are_listed_in_the_order_of_their_creation(orders, invoices):
    ids = [orders.subscribe(f"{URL}{n}").id for n in range(5)]
    invoices.subscribe(URL)
    assert [each.id for each in reading.list_subscriptions("orders", None, 100).items] == ids
    assert [each.id for each in reading.list_subscriptions("orders", ids[1], 2).items] == ids[2:4]


def test_a_subscription_is_read_in_its_own_topic_only(orders, invoices):
    subscribed = orders.subscribe(URL)
    invoices.publish("a")
    with pytest.raises(NotFound, match="no such subscription"):
        invoices.subscription(subscribed)
    with pytest.raises(NotFound, match="no topic"):
        reading.read("unknown", subscribed.id)


def test_a_change_leaves_the_other_settings_as_they_are(orders):
    subscribed = orders.subscribe(URL, **SETTINGS)
    before = orders.subscription(subscribed)

    orders.change(subscribed, name="shop", url=URL + "new", batch_size=9)

    after = orders.subscription(subscribed)
    assert (after.name, after.url, after.batch_size) == ("shop", URL + "new", 9)
    assert json.loads(bytes(after.headers)) == SETTINGS["headers"]
    assert (after.cursor, after.created_at) == (before.cursor, before.created_at)
    assert after.updated_at > before.updated_at

    orders.change(subscribed, headers={"x-shop": "2"})
    assert json.loads(bytes(orders.subscription(subscribed).headers)) == {"x-shop": "2"}


def test_a_paused_subscription_shows_since_when_until_it_is_resumed(orders):
    subscribed = orders.subscribe(URL)
    orders.change(subscribed, paused=True)
    paused_at = orders.subscription(subscribed).paused_at
    assert paused_at is not None
    orders.change(subscribed, paused=True)
    assert orders.subscription(subscribed).paused_at == paused_at
    orders.change(subscribed, paused=False)
    assert orders.subscription(subscribed).paused_at is None


def test_a_change_to_the_name_of_another_subscription_is_refused(orders):
    orders.subscribe(URL, name="one")
    second = orders.subscribe(URL, name="two")
    with pytest.raises(Conflict, match="one"):
        orders.change(second, name="one")
    orders.change(second, name="two", batch_size=3)
    assert orders.subscription(second).batch_size == 3


def test_a_change_to_a_url_that_may_not_be_a_webhook_is_refused(orders):
    subscribed = orders.subscribe(URL)
    with pytest.raises(InvalidInput):
        orders.change(subscribed, url="nowhere")
    assert orders.subscription(subscribed).url == URL


def test_a_change_in_another_topic_is_refused(orders, invoices):
    subscribed = orders.subscribe(URL)
    invoices.publish("a")
    with pytest.raises(NotFound):
        invoices.change(subscribed, batch_size=3)


def test_unsubscribe_removes_one_subscription_by_its_id(orders):
    first, second = orders.subscribe(URL), orders.subscribe(URL + "other")
    assert subscriptions.unsubscribe("orders", first.id) == 1
    assert [each.id for each in reading.list_subscriptions("orders", None, 100).items] == [second.id]


def test_unsubscribe_removes_all_subscriptions_with_a_url(orders, invoices):
    orders.subscribe(URL, name="one")
    orders.subscribe(URL, name="two")
    other = orders.subscribe(URL + "other")
    in_invoices = invoices.subscribe(URL)
    assert subscriptions.unsubscribe("orders", url=URL) == 2
    assert [each.id for each in reading.list_subscriptions("orders", None, 100).items] == [other.id]
    assert invoices.subscription(in_invoices).url == URL


def test_a_second_unsubscribe_is_refused(orders):
    subscribed = orders.subscribe(URL)
    subscriptions.unsubscribe("orders", subscribed.id)
    with pytest.raises(NotFound):
        subscriptions.unsubscribe("orders", subscribed.id)
    with pytest.raises(NotFound):
        subscriptions.unsubscribe("orders", url=URL)
    with pytest.raises(NotFound, match="no topic"):
        subscriptions.unsubscribe("unknown", uuid.uuid4())


def test_a_subscription_that_is_created_again_starts_at_the_end_of_the_log(orders):
    first = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    subscriptions.unsubscribe("orders", first.id)
    second = orders.subscribe(URL)
    assert second.id != first.id
    assert second.secret
    assert orders.subscription(second).behind == 0


def test_resume_changes_no_wait_of_an_active_subscription_and_does_not_enable_a_disabled_one(orders, owner):
    subscribed = orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    owner.execute("UPDATE cursors SET due_at = now() + interval '1 hour', failures = 3")
    before = orders.subscription(subscribed)
    orders.change(subscribed, paused=False, disabled=False)
    after = orders.subscription(subscribed)
    assert (after.due_at, after.failures) == (before.due_at, 3)

    owner.execute("UPDATE cursors SET disabled_at = now(), disabled_reason = 'gone'")
    orders.change(subscribed, paused=False)
    assert orders.subscription(subscribed).disabled_reason == "gone"
    orders.change(subscribed, disabled=False)
    enabled = orders.subscription(subscribed)
    assert (enabled.disabled_at, enabled.failures) == (None, 0)
    assert enabled.due_at < before.due_at
