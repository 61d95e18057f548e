"""An effect happens once: what was handled is remembered in the transaction of its effects, or forgotten with them."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction
from psycopg.rows import dict_row

from pgbroker.webhooks import Delivery, failed, verify
from pgbroker.webhooks.django import DjangoSeen
from pgbroker.webhooks.seen import TABLE, PostgresSeen
from tests.client.webhooks.deliveries import SECRET, body, message, signed
from tests.support import django as support_django
from tests.support.runner import until

Connect = Callable[..., psycopg.Connection[Any]]


def delivery(*seqs: int) -> Delivery:
    content = body(*map(message, seqs))
    return verify(content, signed(content), SECRET)


@pytest.fixture
def connect(database_url: str) -> Iterator[Connect]:
    """Connections to a schema with the table, and one for the effects."""
    open_one = partial(psycopg.connect, database_url, options="-c search_path=receiver")
    with open_one(autocommit=True) as owner:
        owner.execute("CREATE SCHEMA receiver")
        for _ in range(2):  # the table may be there
            owner.execute(TABLE.encode())
        owner.execute("CREATE TABLE effects (seq int)")
        with contextlib.ExitStack() as stack:
            yield lambda **options: stack.enter_context(contextlib.closing(open_one(**options)))
        owner.execute("DROP SCHEMA receiver CASCADE")


def effects(connect: Connect) -> list[int]:
    return [seq for (seq,) in connect().execute("SELECT seq FROM effects ORDER BY seq")]


def take(connection: psycopg.Connection[Any], batch: Delivery) -> None:
    for each in batch.new(PostgresSeen(connection)):
        connection.execute("INSERT INTO effects VALUES (%s)", [each.seq])


def test_a_message_has_its_effect_once_however_often_it_comes(connect):
    for batch in (delivery(1, 2), delivery(1, 2), delivery(2), delivery(2, 3)):
        with connect() as connection:
            take(connection, batch)
    assert effects(connect) == [1, 2, 3]


def test_what_was_resent_has_its_effect_once_more_however_often_it_comes(connect):
    content = body(message(1), resent=True)
    resent = [verify(content, signed(content, webhook_id=each), SECRET) for each in ("first", "second")]
    for batch in (delivery(1), resent[0], resent[0], resent[1], delivery(1)):
        with connect() as connection:
            take(connection, batch)
    assert effects(connect) == [1, 1, 1]


def test_what_was_resent_and_is_new_has_its_effect_once(connect):
    content = body(message(1), resent=True)
    for batch in (verify(content, signed(content), SECRET), delivery(1)):
        with connect() as connection:
            take(connection, batch)
    assert effects(connect) == [1]


def test_what_fails_is_forgotten_with_its_effects(connect):
    def fail() -> None:
        with connect() as connection:
            take(connection, delivery(1, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert effects(connect) == []

    with connect() as connection:
        take(connection, delivery(1, 2))
    assert effects(connect) == [1, 2]


def test_a_message_named_as_failed_is_forgotten_alone(connect):
    def handle(batch: Delivery, broken: int) -> Any:
        refused = []
        with connect() as connection:
            seen = PostgresSeen(connection)
            for each in batch.messages:
                try:
                    with connection.transaction():
                        if seen.add(each.id):
                            connection.execute("INSERT INTO effects VALUES (%s)", [each.seq])
                            assert each.seq != broken
                except AssertionError:
                    refused.append(each.id)
        return failed(refused)

    assert message(2)["id"] in handle(delivery(1, 2, 3), broken=2).body.decode()
    assert effects(connect) == [1, 3]
    assert handle(delivery(2), broken=0) == failed([])
    assert effects(connect) == [1, 2, 3]


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_same_message_in_two_requests_at_once_has_its_effect_once(connect, end):
    first, second, watcher = connect(), connect(), connect(autocommit=True)
    take(first, delivery(1, 2))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(take, second, delivery(1, 2))
        blocked = "SELECT 1 WHERE %s = ANY (pg_blocking_pids(%s))"
        pids = [first.info.backend_pid, second.info.backend_pid]
        try:
            until(lambda: watcher.execute(blocked, pids).fetchone())
        finally:
            getattr(first, end)()
        waiting.result()
    second.commit()
    assert effects(connect) == [1, 2]


def test_the_id_of_the_webhook_can_be_remembered_instead(connect):
    seen = PostgresSeen(connect())
    assert seen.add(delivery(1).webhook_id)
    assert not seen.add(delivery(1).webhook_id)


def test_ids_may_be_the_same_or_none(connect):
    seen = PostgresSeen(connect())
    assert seen.add() == set()
    assert seen.add("b", "a", "b") == {"a", "b"}


def test_the_rows_of_your_connection_may_be_of_any_kind(connect):
    seen = PostgresSeen(connect(row_factory=dict_row))
    assert seen.add("a") == {"a"}


def test_nothing_is_remembered_without_a_transaction(connect):
    connection = connect(autocommit=True)
    seen = PostgresSeen(connection)
    with pytest.raises(RuntimeError, match="in the transaction of their effects"):
        seen.add("a")
    with connection.transaction():
        assert seen.add("a") == {"a"}


@pytest.fixture(params=["default", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    """SQLite and PostgreSQL, as Django names them."""
    support_django.configure()
    with connections[request.param].cursor() as cursor:
        cursor.execute(TABLE)
    yield request.param
    with connections[request.param].cursor() as cursor:
        cursor.execute("DROP TABLE webhooks_seen")
    connections.close_all()


def test_django_remembers_in_its_transaction(database):
    def new(*seqs: int, fails: bool = False) -> list[int]:
        with transaction.atomic(using=database):
            found = [each.seq for each in delivery(*seqs).new(DjangoSeen(database))]
            transaction.set_rollback(fails, using=database)
        return found

    assert new(2, 1) == [2, 1]
    assert new(2, 3, fails=True) == [3]
    assert new(2, 3) == [3]


def test_django_remembers_nothing_without_a_transaction(database):
    with pytest.raises(RuntimeError, match="in the transaction of their effects"):
        DjangoSeen(database).add("a")
