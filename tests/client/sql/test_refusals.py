"""A refusal is the problem that HTTP has for the same; any other error stays that of the caller's library."""

import msgspec
import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from pgbroker import sql
from pgbroker.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound

RECEIPT = "0198a3b0-0000-7000-8000-000000000000.1"


def test_a_refusal_has_its_class_and_the_error_of_the_library_as_its_cause(program):
    with pytest.raises(NotFound, match='there is no topic "unknown"') as raised:
        program.consume("unknown")
    assert (raised.value.status, raised.value.title) == (404, "Not Found")
    cause = raised.value.__cause__
    library = type(program.connection).__module__.partition(".")[0]
    assert type(cause).__module__.partition(".")[0] == library
    assert not isinstance(cause, DBAPIError) or "broker.consume" in cause.statement


def test_each_fault_keeps_its_pointer(program):
    with pytest.raises(InvalidInput) as raised:
        program.publish_many("orders", [{"content": 1}, {"contents": 2, "key": ""}])
    pointers = [fault.pointer for fault in raised.value.errors]
    assert sorted(pointers) == ["/messages/1", "/messages/1/contents", "/messages/1/key"]
    assert "/messages/1/key: must be text of 1 to 256 characters" in str(raised.value)


@pytest.mark.parametrize(
    ("verb", "arguments", "options", "parameter"),
    [
        (sql.publish, ["no name", 1], {}, "p_topic"),
        (sql.publish_many, ["orders", [{"content": 1}]], {"idempotency_key": "a b"}, "p_idempotency_key"),
        (sql.consume, ["default"], {"max": 0}, "p_max"),
        (sql.consume, ["default"], {"lease_seconds": 86_401}, "p_lease_seconds"),
    ],
)
def test_a_fault_of_an_argument_names_it(connection, verb, arguments, options, parameter):
    with pytest.raises(InvalidInput) as raised:
        verb(connection, *arguments, **options)
    assert [fault.parameter for fault in raised.value.errors] == [parameter]


def test_a_fault_of_a_receipt_has_its_pointer(connection):
    with pytest.raises(InvalidInput) as raised:
        sql.settle(connection, "default", ack=[RECEIPT, "mine"])
    assert [fault.pointer for fault in raised.value.errors] == ["/ack/1"]


def test_a_message_that_is_too_large_is_named(connection):
    with pytest.raises(InvalidInput) as raised:
        sql.publish_many(connection, "orders", [{"content": 1}, {"content": "x" * 262_144}])
    assert [fault.pointer for fault in raised.value.errors] == ["/messages/1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\0", r"unsupported Unicode escape sequence; \u0000 cannot be converted to text."),
        (msgspec.Raw(b"nope"), 'invalid input syntax for type json; Token "nope" is invalid.'),
    ],
)
def test_content_that_postgresql_cannot_store_is_invalid_input(connection, content, said):
    with pytest.raises(InvalidInput) as raised:
        sql.publish(connection, "orders", content)
    assert raised.value.detail == said


def test_a_key_that_was_used_with_other_messages_is_refused(connection):
    sql.publish_many(connection, "orders", [{"content": 1}], idempotency_key="k")
    with pytest.raises(IdempotencyKeyReused):
        sql.publish_many(connection, "orders", [{"content": 2}], idempotency_key="k")


def test_too_many_topics_are_a_conflict(connection, owner):
    owner.execute("UPDATE limits SET topics_per_token = 1")
    sql.publish(connection, "orders", 1)
    try:
        with pytest.raises(Conflict, match="may create no more"):
            sql.publish(connection, "invoices", 1)
    finally:
        owner.execute("UPDATE limits SET topics_per_token = 10000")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_another_isolation_level_is_refused(program, level):
    program.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    with pytest.raises(sql.WrongIsolation, match=level):
        program.publish("orders", 1)


def test_a_right_that_is_missing_is_the_error_of_the_driver(owner):
    with owner.transaction(force_rollback=True):
        owner.execute("SET LOCAL ROLE pg_monitor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.publish(owner, "orders", 1)


def test_a_time_out_is_the_error_of_the_driver(connection, owner, orders):
    orders.publish("a")
    [message] = sql.consume(connection, "orders")
    connection.commit()
    with owner.transaction():
        owner.execute("LOCK TABLE queue")
        connection.execute("SET LOCAL statement_timeout = '50ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            sql.settle(connection, "orders", ack=[message])


def test_a_lost_connection_is_the_error_of_the_driver(program_url, owner):
    connection = psycopg.connect(program_url)
    owner.execute("SELECT pg_terminate_backend(%s, 10000)", [connection.info.backend_pid])
    with pytest.raises(psycopg.OperationalError):
        sql.publish(connection, "orders", 1)
    connection.close()
