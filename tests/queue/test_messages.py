"""Publishing: ids in order, all messages or none, and content that is returned byte for byte."""

import json
from itertools import pairwise

import psycopg
import pytest

from broker import topics
from broker.errors import InvalidInput, TooLarge
from broker.queue import browsing, messages
from tests.support.topic import TOKEN_ID

pytestmark = pytest.mark.verbs

ODD_CONTENTS = [
    b"null",
    b"true",
    b'""',
    b'"text"',
    b"[]",
    b'{ "z" : 1,\t"a":2 , "z": 3 }',  # spaces, unsorted keys, one key twice
    b"1e131071",
    b"-0.0",
    b"123456789012345678901234567890.10",
    b'"\\u00e9 \\ud83d\\ude00 \\/ \\n"',
    '"é 😀"'.encode(),
    b'{"\\u0061":1,"a":2}',
    b"[" * 197 + b"]" * 197,
]


def publish(topic, body, sender="a token"):
    return messages.publish(topic, messages.publication(body), sender, TOKEN_ID)


@pytest.mark.parametrize("content", ODD_CONTENTS)
def test_content_is_returned_byte_for_byte(orders, content):
    publish("orders", b'{"content":' + content + b"}")
    [leased] = orders.consume()
    assert bytes(leased.content) == content


def test_a_batch_keeps_the_bytes_of_each_message(orders):
    batch = [b'{"content":' + content + b"}" for content in ODD_CONTENTS]
    publish("orders", b'{"messages": [' + b" , ".join(batch) + b"]}")
    assert [bytes(message.content) for message in orders.consume(100)] == ODD_CONTENTS


def test_the_last_value_of_a_repeated_field_is_stored(orders):
    publish("orders", b'{"content": 1, "key": "a", "content": 2, "\\u006bey": "b"}')
    [leased] = orders.consume()
    assert (bytes(leased.content), leased.key) == (b"2", "b")


def test_ids_are_in_the_order_of_the_messages(orders):
    document = json.dumps([{"content": n} for n in range(2000)])
    ids = messages.publish("orders", messages.Publication(document, many=True), "a test", TOKEN_ID).ids

    assert len(set(ids)) == 2000
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert [message.id for message in orders.consume(1000)] == ids[:1000]
    assert orders.contents(orders.consume(1000)) == list(range(1000, 2000))


def test_ids_are_uuidv7_of_the_time_of_publishing(orders):
    [message_id] = orders.publish("a")
    [leased] = orders.consume()
    assert (message_id.version, message_id.variant) == (7, "specified in RFC 4122")
    assert abs((message_id.int >> 80) - leased.created_at.timestamp() * 1000) < 60_000


def test_later_statements_give_later_ids(orders):
    ids = [message_id for n in range(50) for message_id in orders.publish(n)]
    assert ids == sorted(ids)


def test_a_batch_is_stored_whole_or_not_at_all(orders, owner):
    orders.publish("before")
    invalid = '[{"content": 1}, {"content": 2, "sender": "\\u0000"}]'
    with pytest.raises(InvalidInput):
        messages.publish("orders", messages.Publication(invalid, many=True), "a test", TOKEN_ID)
    assert len(orders.rows()) == 1
    assert owner.execute("SELECT count(*) FROM messages").fetchone() == (1,)


def test_publish_creates_the_topic(orders):
    orders.publish("a")
    topic = topics.read("orders")
    assert (topic.broadcast, topic.lease_seconds, topic.max_receives, topic.queue.waiting) == ("manual", 30, 10, 1)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "é", "a" * 129, "a\n"])
def test_an_invalid_topic_name_is_refused(owner, name):
    with pytest.raises(InvalidInput, match="p_topic must have 1 to 128 characters"):
        publish(name, b'{"content": 1}')
    assert owner.execute("SELECT count(*) FROM messages").fetchone() == (0,)


def test_a_topic_name_may_have_128_characters():
    publish("A-z0.9_" * 18 + "ab", b'{"content": 1}')


def test_a_publish_to_an_auto_topic_is_due(owner):
    assert publish("orders", b'{"content": 1}').due is False
    owner.execute("UPDATE topics SET broadcast = 'auto' WHERE name = 'orders'")
    assert publish("orders", b'{"content": 1}').due is True


def test_the_stored_size_is_that_of_the_message_in_a_response(orders):
    publish("orders", '{"content": "é\\"\\\\", "sender": "s\\"", "key": "k", "attributes": {"a": "b"}}'.encode())
    [row] = orders.rows().values()
    [leased] = orders.consume()
    fields = [bytes(leased.content), bytes(leased.attributes), *map(json_bytes, (leased.sender, leased.key))]
    assert row["bytes"] == 400 + len(json_bytes(b"".join(fields).decode()))


def test_messages_of_one_key_are_in_one_lane_and_those_without_in_none(orders, invoices):
    publish("orders", b'{"messages": [{"content": 1, "key": "k"}, {"content": 2, "key": "l"}, {"content": 3}]}')
    publish("orders", b'{"content": 4, "key": "k"}')
    publish("invoices", b'{"content": 5, "key": "k"}')
    lanes = [row["lane"] for topic in (orders, invoices) for row in topic.rows().values()]
    one, another, none, *same = lanes
    assert none is None
    assert None not in {one, another}
    assert one != another
    assert same == [one, one]


def test_the_lane_of_a_key_never_changes(owner):
    """It is stored: another digest of the same key would put messages that wait into another lane than new ones."""
    assert owner.execute("SELECT lane('k'), lane('é'), lane('')").fetchone() == (-2108374231, 1251562878, -474954686)


def json_bytes(text):
    return json.dumps(text, ensure_ascii=False).encode()


def test_a_message_of_256_kib_is_stored_and_a_larger_one_refused(orders):
    content = b'"' + b"a" * (messages.MAX_BYTES - 2) + b'"'
    publish("orders", b'{"content": ' + content + b"}")
    with pytest.raises(TooLarge) as refused:
        publish("orders", b'{"messages": [{"content": 1}, {"content": ' + content + b', "attributes": {}}]}')
    assert [fault.pointer for fault in refused.value.faults] == ["/messages/1"]
    assert len(orders.rows()) == 1


def test_messages_are_never_rewritten(orders, owner):
    [message_id] = orders.publish("a")
    before = owner.execute("SELECT xmin, ctid FROM messages").fetchall()
    [leased] = orders.consume()
    orders.settle(release=[leased.receipt])
    orders.subscribe("http://127.0.0.1:8000/")
    orders.broadcast()
    assert owner.execute("SELECT xmin, ctid FROM messages").fetchall() == before
    assert browsing.trace("orders", message_id).state == "broadcast"


def test_a_message_without_content_is_not_stored(owner):
    with pytest.raises(psycopg.errors.NotNullViolation):
        messages.publish("orders", messages.Publication("[{}]", many=True), "a test", TOKEN_ID)
    assert owner.execute("SELECT FROM topics WHERE name = 'orders'").fetchall() == []
