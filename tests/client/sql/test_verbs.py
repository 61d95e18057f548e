"""What each verb takes and returns, from whatever the caller has made of its connection."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from pgbroker import sql
from pgbroker.errors import ContentMismatch
from pgbroker.types import Extend, Message, Reject, Release

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


class Order(msgspec.Struct):
    order: int


def test_a_message_arrives_as_it_was_published(program):
    before = datetime.now(UTC)
    message_id = program.publish("orders", {"a": "%s 😀"}, key="k", sender="shop", attributes={"a": "'b'"})
    [message] = program.consume("orders", lease_seconds=60)

    assert (message.id, message.content, message.key, message.sender) == (message_id, {"a": "%s 😀"}, "k", "shop")
    assert (message.attributes, message.receives) == ({"a": "'b'"}, 1)
    assert abs(message.created_at - before) < timedelta(minutes=1)
    assert timedelta(seconds=60) <= message.lease_expires_at - message.created_at < timedelta(seconds=120)


def test_many_messages_arrive_in_their_order(program):
    ids = program.publish_many("orders", [Message(1, key="k"), {"content": 2, "sender": "b"}], sender="a")
    messages = program.consume("orders", max=1000)
    assert [message.id for message in messages] == ids
    assert [(m.content, m.key, m.sender) for m in messages] == [(1, "k", "a"), (2, None, "b")]


def test_content_has_the_type_that_is_asked_for(program):
    program.publish("orders", {"order": 4, "more": 1})
    [message] = program.consume("orders", type=Order)
    assert message.content == Order(4)


def test_another_content_is_an_error_that_has_the_messages(program):
    program.publish("orders", {"order": "four"})
    with pytest.raises(ContentMismatch, match="content is not Order") as raised:
        program.consume("orders", type=Order)
    [message] = raised.value.answer.messages
    assert program.settle("orders", reject=[Reject(message.receipt, "no number")]).rejected == 1


def test_auto_ack_removes_with_the_commit(program, orders):
    orders.publish("a")
    [message] = program.consume("orders", auto_ack=True)
    assert (message.receipt, message.lease_expires_at) == (None, None)
    program.rollback()
    [again] = program.consume("orders", auto_ack=True)
    program.commit()
    assert again.id == message.id
    assert orders.rows() == {}


def test_each_lease_ends_in_its_way(program, orders):
    orders.publish("a", "b", "c", "d")
    a, b, c, d = program.consume("orders")
    settled = program.settle(
        "orders", ack=[a], release=[b], extend=[Extend(c.receipt, 600)], reject=[Reject(d.receipt, "broken")]
    )
    assert (settled.acked, settled.released, settled.extended, settled.rejected) == (1, 1, 1, 1)
    assert program.settle("orders", ack=[a, d.receipt]).gone == [a.receipt, d.receipt]


def test_a_broadcast_counts_what_it_moved(program, orders):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a", "b")
    moved = program.broadcast("orders")
    assert (moved.messages, moved.subscriptions, moved.first_seq, moved.last_seq, moved.remaining) == (2, 1, 1, 2, 0)


def test_nothing_ready_is_an_empty_list(program, orders):
    orders.publish("a")
    orders.consume()
    assert program.consume("orders") == []


def test_no_message_is_no_statement(connection):
    assert sql.publish_many(connection, "orders", []) == []
    assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_any_number_of_messages_is_stored_all_or_none(connection, orders):
    ids = sql.publish_many(connection, "orders", ({"content": n} for n in range(2500)))
    assert len(set(ids)) == 2500
    connection.rollback()
    assert orders.rows() == {}


def test_the_same_idempotency_key_returns_the_same_ids(connection, orders):
    messages = [{"content": n} for n in range(1001)]
    ids = sql.publish_many(connection, "orders", messages, idempotency_key="import-1")
    assert sql.publish_many(connection, "orders", messages, idempotency_key="import-1") == ids
    connection.commit()
    assert len(orders.rows()) == 1001


def test_raw_content_keeps_its_bytes(connection):
    content = b'{ "z" : 1,\t"a":2 , "z": 1e131071, "\\u00e9": [\n] }'
    sql.publish(connection, "orders", msgspec.Raw(content))
    [message] = sql.consume(connection, "orders", type=msgspec.Raw)
    assert bytes(message.content) == content


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(JSON)
def test_any_content_is_returned_equal(connection, content):
    sql.publish(connection, "orders", content)
    sql.publish_many(connection, "orders", [Message(content)])
    assert [message.content for message in sql.consume(connection, "orders", auto_ack=True)] == [content, content]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TEXT.filter(bool), TEXT.filter(bool), st.dictionaries(TEXT.filter(bool), TEXT, max_size=5))
def test_any_label_is_returned_equal(connection, key, sender, attributes):
    sql.publish(connection, "orders", 1, key=key, sender=sender, attributes=attributes)
    [message] = sql.consume(connection, "orders", auto_ack=True)
    assert (message.key, message.sender, message.attributes or {}) == (key, sender, attributes)


@pytest.mark.parametrize("cursor_factory", [psycopg.Cursor, psycopg.ClientCursor, psycopg.RawCursor])
def test_what_the_caller_has_made_of_the_connection_does_not_matter(program_url, cursor_factory):
    with psycopg.connect(
        program_url, autocommit=True, row_factory=dict_row, cursor_factory=cursor_factory, prepare_threshold=0
    ) as connection:
        set_json_loads(lambda _: "another", connection)
        connection.execute("SET TimeZone = 'Asia/Kathmandu'")
        connection.execute("SET DateStyle = 'SQL, DMY'")
        for number in range(3):
            message_id = sql.publish(connection, "orders", number)
            [message] = sql.consume(connection, "orders")
            assert (message.id, message.content) == (message_id, number)
            assert message.created_at.utcoffset() is not None
            assert sql.settle(connection, "orders", ack=[message]).acked == 1


def test_statements_are_traced_by_the_cursors_of_the_caller(program_url):
    traced = []

    class Traced(psycopg.Cursor[Any]):
        def execute(self, query, *args, **options):
            traced.append(query)
            return super().execute(query, *args, **options)

    with psycopg.connect(program_url, cursor_factory=Traced) as connection:
        sql.publish(connection, "orders", 1)
        connection.rollback()
    assert len(traced) == 1


def test_a_verb_works_in_a_pipeline(connection, done, orders):
    with connection.pipeline():
        connection.execute("INSERT INTO public.program_work VALUES ('order 4')")
        message_id = sql.publish(connection, "orders", 1)
        connection.execute("INSERT INTO public.program_work VALUES ('order 5')")
    connection.commit()
    assert [str(each) for each in orders.rows()] == [message_id]
    assert done() == ["order 4", "order 5"]


def test_in_autocommit_a_verb_is_its_own_transaction(connection, orders):
    connection.autocommit = True
    message_id = sql.publish(connection, "orders", 1)
    assert [str(each) for each in orders.rows()] == [message_id]


def test_the_statements_name_their_columns(connection):
    """An answer has what the client reads, whatever columns a later version adds."""
    sql.publish(connection, "orders", 1)
    seen = []

    class Seen(psycopg.Cursor[Any]):
        def fetchone(self):
            seen.append(super().fetchone())
            return seen[-1]

    connection.cursor_factory = Seen
    [message] = sql.consume(connection, "orders")
    [answer] = json.loads(seen[0])["messages"]
    assert list(answer) == list(msgspec.structs.asdict(message))


def test_a_release_of_a_message_needs_its_receipt(connection):
    sql.publish(connection, "orders", 1)
    [message] = sql.consume(connection, "orders", auto_ack=True)
    with pytest.raises(ValueError, match="consumed with auto_ack"):
        sql.settle(connection, "orders", release=[message])
    assert sql.settle(connection, "orders", release=[Release(f"{message.id}.1")]).gone == [f"{message.id}.1"]
