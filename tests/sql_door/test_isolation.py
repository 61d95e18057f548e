"""Verbs run under READ COMMITTED only: an older snapshot would report a message as stored that is lost."""

import psycopg
import pytest

from broker import database, topics
from tests.support.snapshots import everything

CALLS = [
    "SELECT broker.publish('orders', '1')",
    "SELECT broker.publish_batch('orders', '[{\"content\": 1}]')",
    "SELECT broker.consume('default')",
    "SELECT broker.settle('default', '{}')",
    "SELECT broker.broadcast('default')",
]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("call", CALLS)
def test_a_verb_refuses_another_isolation_level_and_changes_nothing(session, owner, call, level):
    before = everything(owner)
    program = session(autocommit=False)
    program.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    with pytest.raises(psycopg.DatabaseError, match=f"the transaction is {level}") as refused:
        program.execute(call)
    assert refused.value.sqlstate == "MB412"
    assert everything(owner) == before


def test_a_message_is_not_lost_in_a_topic_that_was_deleted_after_the_snapshot(orders, session):
    topics.put("orders", topics.Put())
    program = session(autocommit=False)
    program.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    program.execute("SELECT 1")  # takes the snapshot
    topics.delete("orders", force=False)
    with pytest.raises(psycopg.DatabaseError):
        program.execute("SELECT broker.publish('orders', '1')")


def test_the_functions_use_read_committed_whatever_the_default_of_the_database_is(orders, owner):
    name = owner.info.dbname
    owner.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    try:
        database.functions.close()
        orders.publish("a")
        [leased] = orders.consume()
        assert orders.settle(ack=[leased.receipt]).acked == 1
    finally:
        owner.execute(f"ALTER DATABASE {name} RESET default_transaction_isolation")
        database.functions.close()
