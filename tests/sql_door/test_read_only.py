"""What only reads works where nothing can be written, as on a replica; publish and consume say that they cannot."""

import psycopg
import pytest

from tests.sql_door.test_isolation import READS


@pytest.fixture
def read_only(orders, owner):
    """Run a statement in a transaction that cannot write; the topic has a message and a subscription."""
    orders.publish("a")
    orders.subscribe("http://127.0.0.1/", name="s")

    def run(statement):
        with owner.transaction():
            owner.execute("SET TRANSACTION READ ONLY")
            owner.execute("SET LOCAL search_path = broker")
            return owner.execute(statement.encode()).fetchall()

    return run


@pytest.mark.parametrize("verb", [*READS, "authorize_token('\\x00')", "overview('{*}', 30)"])
def test_a_verb_that_reads_needs_no_primary(read_only, verb):
    read_only(f"SELECT * FROM {verb} r")  # before PostgreSQL 16 a subquery needs a name


@pytest.mark.parametrize("verb", ["publish('orders', '1')", "consume('orders')", "broadcast('orders')"])
def test_publish_consume_and_broadcast_need_the_primary(read_only, verb):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        read_only(f"SELECT {verb}")
