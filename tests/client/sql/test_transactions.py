"""Each kind of connection: a verb belongs to the caller's transaction, and to nothing else."""

import psycopg
import pytest

from pgbroker import sql
from pgbroker.types import Release
from tests.support.runner import until

INSERT = "INSERT INTO public.program_work VALUES ('order 4')"


def test_a_commit_stores_the_message_and_the_work(program, done, orders):
    program.execute(INSERT)
    message_id = program.publish("orders", {"order": 4})
    assert orders.rows() == {}

    program.commit()

    assert [str(each) for each in orders.rows()] == [message_id]
    assert done() == ["order 4"]


def test_a_rollback_stores_neither(program, done, orders):
    program.execute(INSERT)
    program.publish("orders", {"order": 4})
    program.rollback()
    assert orders.rows() == {}
    assert done() == []


def test_a_refusal_leaves_the_transaction_to_the_caller(program, done, orders):
    program.execute("SAVEPOINT before")
    with pytest.raises(Exception, match="must have 1 to 256 characters"):
        program.publish("orders", 1, sender="")
    program.execute("ROLLBACK TO before")
    program.execute(INSERT)
    program.commit()
    assert done() == ["order 4"]


def test_work_and_settle_in_one_transaction_are_done_once(program, done, orders):
    orders.publish("order 4")
    [message] = program.consume("orders")
    program.execute(INSERT)
    settled = program.settle("orders", ack=[message])
    program.commit()
    assert (settled.acked, settled.gone, settled.stale) == (1, [], [])
    assert done() == ["order 4"]
    assert orders.rows() == {}


@pytest.mark.parametrize("crash", [False, True], ids=["rollback", "crash"])
def test_what_was_not_committed_is_given_back_at_once(program, done, orders, crash):
    orders.publish("order 4")
    [message] = program.consume("orders")
    program.execute(INSERT)
    program.settle("orders", ack=[message])
    assert orders.consume() == []

    program.close() if crash else program.rollback()

    [again] = _consume(orders)
    assert again.receives == 1
    assert done() == []


def test_work_of_an_earlier_lease_is_not_done_twice(program, done, orders):
    orders.publish("order 4")
    [message] = program.consume("orders")
    program.commit()
    orders.end_leases()
    orders.consume()

    assert program.settle("orders", ack=[message]).stale == [message.receipt]


def test_a_savepoint_undoes_the_work_and_the_release_counts_as_a_receive(program, done, orders):
    orders.publish("order 4")
    [message] = program.consume("orders")
    program.execute("SAVEPOINT work")
    program.execute(INSERT)
    program.execute("ROLLBACK TO work")
    assert program.settle("orders", release=[Release(message.receipt, delay_seconds=60)]).released == 1
    program.commit()
    assert done() == []
    [row] = orders.rows().values()
    assert row["receives"] == 1


def test_a_verb_changes_nothing_else_of_the_session(connection, orders):
    def session():
        return connection.execute(
            "SELECT pg_current_xact_id()::text, json_object_agg(name, setting ORDER BY name)::text FROM pg_settings"
            " WHERE source = 'session'"
        ).fetchall()

    orders.publish("a")
    connection.execute("SET LOCAL lock_timeout = '7s'")
    before = session()
    [message] = sql.consume(connection, "orders")
    sql.publish(connection, "orders", 1)
    sql.settle(connection, "orders", ack=[message])
    assert session() == before
    assert connection.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS


def _consume(topic):
    """Consume once the server has ended the session of a program that crashed."""
    leased = []
    until(lambda: leased.extend(topic.consume()) or leased)
    return leased
