"""Django's own ways: atomic, its savepoints, and what it does after the commit."""

import pytest
from django.db import transaction

from pgbroker import sql
from pgbroker.errors import InvalidInput
from tests.support.programs import Django


@pytest.fixture
def connection(program_url):
    program = Django(program_url)
    program.connection.set_autocommit(True)
    yield program.connection
    program.close()


def test_atomic_stores_the_message(connection, orders):
    with transaction.atomic(connection.alias):
        message_id = sql.publish(connection, "orders", 1)
        assert orders.rows() == {}
    assert [str(each) for each in orders.rows()] == [message_id]


def test_an_error_in_atomic_stores_nothing(connection, orders):
    def publish_and_fail():
        with transaction.atomic(connection.alias):
            sql.publish(connection, "orders", 1)
            raise KeyError

    with pytest.raises(KeyError):
        publish_and_fail()
    assert orders.rows() == {}


def test_an_outer_atomic_survives_a_refusal_in_an_inner_one(connection, orders):
    with transaction.atomic(connection.alias):
        with pytest.raises(InvalidInput), transaction.atomic(connection.alias):
            sql.publish(connection, "orders", 1, key="")
        sql.publish(connection, "orders", 2)
    assert len(orders.rows()) == 1


def test_what_on_commit_does_finds_the_message(connection, orders):
    found = []
    with transaction.atomic(connection.alias):
        message_id = sql.publish(connection, "orders", 1)
        transaction.on_commit(lambda: found.extend(orders.rows()), using=connection.alias)
    assert [str(each) for each in found] == [message_id]


def test_in_autocommit_a_verb_is_its_own_transaction(connection, orders):
    sql.publish(connection, "orders", 1)
    assert len(orders.rows()) == 1
