"""The SQL door: a program calls the verbs in its own transaction, and they commit or roll back with it."""

import json

import psycopg
import pytest

from broker import topics
from broker.queue import messages

pytestmark = pytest.mark.verbs

RECEIPTS = "json_build_object(%s::text, json_build_array(%s::text))"
SMALL = {"content": 1}
CONSUME = "SELECT receipt, content, lease_expires_at FROM broker.consume('orders')"


@pytest.fixture
def transaction(session):
    """A session of a program, in a transaction that is open until the test ends it."""
    return session(autocommit=False)


def publish(connection, content, topic="orders"):
    return connection.execute("SELECT broker.publish(%s, %s)", [topic, content]).fetchone()[0]


def consume(connection):
    return [content for _, content, _ in connection.execute(CONSUME)]


def test_a_message_is_visible_after_the_commit(orders, transaction):
    topics.put("orders", topics.Put())
    message_id = publish(transaction, '"a"')
    assert orders.consume() == []
    transaction.commit()
    assert [message.id for message in orders.consume()] == [message_id]


def test_a_rollback_removes_the_message_and_its_new_topic(transaction, owner):
    publish(transaction, '"a"')
    transaction.rollback()
    assert owner.execute("SELECT FROM messages").fetchall() == []
    assert owner.execute("SELECT FROM topics WHERE name = 'orders'").fetchall() == []


def test_a_settle_commits_or_rolls_back_with_its_transaction(orders, transaction):
    orders.publish("a")
    [leased] = orders.consume()
    settle = f"SELECT acked, gone, stale FROM broker.settle('orders', {RECEIPTS})"
    assert transaction.execute(settle, ["ack", leased.receipt]).fetchall() == [(1, [], [])]
    transaction.rollback()
    assert len(orders.rows()) == 1

    transaction.execute(settle, ["ack", leased.receipt])
    transaction.commit()

    assert orders.rows() == {}


def test_a_lease_that_was_rolled_back_does_not_count(orders, transaction):
    orders.publish("a")
    assert consume(transaction) == ["a"]
    transaction.rollback()
    [leased] = orders.consume()
    assert leased.receives == 1


def test_a_broadcast_that_was_rolled_back_uses_no_seq(orders, transaction):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a")
    transaction.execute("SELECT FROM broker.broadcast('orders')")
    transaction.rollback()
    assert orders.broadcast().first_seq == 1


def test_the_sender_defaults_to_the_login(orders, session):
    program = session()
    publish(program, "1")
    program.execute("SELECT broker.publish('orders', '2', 'the shop')")
    assert [message.sender for message in orders.consume()] == [program.info.user, "the shop"]


def test_arguments_can_be_passed_by_name(orders, session):
    session().execute("""SELECT broker.publish('orders', '{"id": 1}', p_key => 'k', p_attributes => '{"a":  "b"}')""")
    [leased] = orders.consume()
    assert (bytes(leased.content), leased.key, bytes(leased.attributes)) == (b'{"id": 1}', "k", b'{"a":  "b"}')


@pytest.mark.parametrize("content", ['{ "z" : 1,\t"a":2 , "z": 3 }', "1e131071", "null", '"\\u00e9 \\/"', '"é 😀"'])
def test_content_is_returned_byte_for_byte(orders, session, content):
    publish(session(), content)
    [leased] = orders.consume()
    assert bytes(leased.content).decode() == content


def test_messages_of_one_statement_keep_their_order(orders, session):
    session().execute("SELECT broker.publish('orders', to_json(n)) FROM generate_series(1, 500) n")
    assert orders.contents(orders.consume(1000)) == list(range(1, 501))


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELECT broker.publish('orders', NULL)", "MB400"),
        ("SELECT broker.publish('no name', '1')", "MB400"),
        ("SELECT broker.publish(NULL, '1')", "MB400"),
        ("SELECT broker.publish('orders', '1', p_attributes => '[]')", "MB400"),
        ("SELECT broker.publish('orders', to_json(repeat('x', 262143)))", "MB400"),
        ("SELECT broker.publish('orders', to_json(repeat('x', 262142)), p_attributes => '{}')", "MB400"),
        ("SELECT broker.publish('orders', to_json(repeat('x', 262142)), p_key => 'k')", "MB400"),
        ('SELECT broker.publish_batch(\'orders\', \'[{"content": 1}, {"content": 2, "attributes": 3}]\')', "MB400"),
        ("SELECT broker.consume('unknown')", "MB404"),
        ("SELECT broker.settle('unknown', '{}')", "MB404"),
        ("SELECT broker.broadcast('unknown')", "MB404"),
    ],
)
def test_a_verb_refuses_with_an_sqlstate_of_its_own(session, statement, sqlstate):
    with pytest.raises(psycopg.DatabaseError) as refused:
        session().execute(statement)
    assert refused.value.sqlstate == sqlstate


@pytest.mark.parametrize("character", ["x", "é", "\\n"], ids=["letters", "two bytes each", "escapes"])
def test_a_message_of_the_maximum_size_is_stored_as_sent(orders, session, character):
    content = '"' + character * ((messages.MAX_BYTES - 4) // len(character.encode())) + '"'
    session().execute("SELECT broker.publish('orders', %s, p_attributes => '{}')", [content])
    assert len(content.encode()) + len("{}") == messages.MAX_BYTES
    [leased] = orders.consume()
    assert bytes(leased.content).decode() == content


@pytest.mark.parametrize(
    ("others", "nth"), [([], 0), ([SMALL], 1), ([SMALL, SMALL], 2)], ids=["alone", "second", "third"]
)
@pytest.mark.parametrize(
    "large",
    [{"content": "é" * (messages.MAX_BYTES // 2)}, {"content": 1, "attributes": {"a": "x" * messages.MAX_BYTES}}],
)
def test_the_fault_names_the_message_that_is_too_large_and_nothing_is_stored(session, owner, others, nth, large):
    batch = json.dumps([*others, large], ensure_ascii=False)
    with pytest.raises(psycopg.DatabaseError) as refused:
        session().execute("SELECT broker.publish_batch('orders', %s)", [batch])
    assert refused.value.sqlstate == "MB400"
    assert [fault["pointer"] for fault in json.loads(refused.value.diag.message_detail)] == [f"/messages/{nth}"]
    assert owner.execute("SELECT FROM messages").fetchall() == []
    assert owner.execute("SELECT FROM queue").fetchall() == []
    assert owner.execute("SELECT FROM topics WHERE name = 'orders'").fetchall() == []


def test_a_message_is_ready_since_its_statement_not_since_its_transaction_began(orders, transaction):
    [began] = transaction.execute("SELECT now()").fetchone()
    message_id = publish(transaction, '"a"')
    transaction.commit()
    assert orders.rows()[message_id]["ready_at"] > began


def test_an_old_transaction_can_consume_messages_published_since(orders, transaction):
    [began] = transaction.execute("SELECT now()").fetchone()
    orders.publish("a")

    [(_, content, expires_at)] = transaction.execute(CONSUME).fetchall()

    assert content == "a"
    assert (expires_at - began).total_seconds() > 30


def test_a_released_message_is_ready_since_the_statement_of_the_settle(orders, transaction):
    orders.publish("a")
    [leased] = orders.consume()
    [began] = transaction.execute("SELECT now()").fetchone()
    transaction.execute(f"SELECT FROM broker.settle('orders', {RECEIPTS})", ["release", leased.receipt])
    transaction.commit()
    assert orders.rows()[leased.id]["ready_at"] > began


def test_an_old_transaction_can_broadcast_messages_published_since(orders, transaction):
    orders.subscribe("http://127.0.0.1:8000/")
    transaction.execute("SELECT now()")
    orders.publish("a")
    assert transaction.execute("SELECT messages FROM broker.broadcast('orders')").fetchone() == (1,)


def test_a_verb_ignores_tables_of_the_caller_with_the_same_names(orders, session):
    orders.publish("a")
    program = session()
    program.execute("CREATE TEMPORARY TABLE queue (message_id uuid)")
    program.execute("CREATE TEMPORARY TABLE topics (id integer, name text, deleted_at timestamptz)")
    program.execute("SET search_path = pg_temp, broker")
    assert consume(program) == ["a"]


def test_a_broadcast_moves_no_message_on_lease_whatever_its_p_until(orders, session):
    orders.subscribe("http://127.0.0.1:8000/")
    orders.publish("a")
    [leased] = orders.consume()
    assert session().execute("SELECT messages FROM broker.broadcast('orders', 'infinity')").fetchone() == (0,)
    assert orders.settle(ack=[leased.receipt]).acked == 1


def test_a_consume_of_large_messages_locks_few_that_it_does_not_give(orders, owner, transaction, session):
    orders.fill(300)
    owner.execute("UPDATE queue SET bytes = 100000")
    [(given,)] = transaction.execute("SELECT count(*) FROM broker.consume('orders', 1000)")
    assert given == 55
    assert session().execute("SELECT count(*) FROM broker.consume('orders', 10)").fetchone() == (10,)
