"""Migrations outside of a transaction: they make indexes without blocking, and can be repeated when interrupted."""

import psycopg
import pytest

from broker import deadlines
from broker.errors import DatabaseUnavailable
from tests.schema.conftest import ADDED
from tests.support.runner import until

SOURCE = """-- outside a transaction
-- Topics by age; and by their last change.
CREATE INDEX CONCURRENTLY IF NOT EXISTS topics_age
    ON topics (created_at);

CREATE INDEX CONCURRENTLY IF NOT EXISTS topics_changed ON topics (updated_at);
-- Nothing follows.
"""
INDEXES = """SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid
              WHERE relname IN ('topics_age', 'topics_changed') ORDER BY 1"""
OID = "SELECT to_regclass('broker.topics_age')::oid"
BUILDING = """SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                 AND wait_event = 'virtualxid' AND query LIKE '%CREATE INDEX CONCURRENTLY%'"""


@pytest.fixture
def building(new, migrate, add_migration, start_migrating, reader):
    """A process that builds an index, and does not get on before the reader's transaction ends."""
    migrate()
    add_migration(SOURCE)
    reader.execute("SELECT FROM broker.topics")
    process = start_migrating()
    until(lambda: new.execute(BUILDING).fetchall())
    return process


def test_a_migration_outside_of_a_transaction_makes_indexes_concurrently(new, migrate, add_migration):
    add_migration(SOURCE)
    assert migrate().applied[-1] == ADDED
    assert new.execute(INDEXES).fetchall() == [("topics_age", True), ("topics_changed", True)]
    assert migrate().applied == []


@pytest.mark.slow
def test_a_migration_outside_of_a_transaction_that_fails_goes_on_when_it_is_repeated(new, migrate, add_migration):
    file = add_migration(SOURCE.replace("updated_at);", "no_column);"))
    with pytest.raises(psycopg.errors.UndefinedColumn):
        migrate()
    assert new.execute(INDEXES).fetchall() == [("topics_age", True)]
    [made] = new.execute(OID).fetchone()

    file.write_text(SOURCE)

    assert migrate().applied == [ADDED]
    assert new.execute(INDEXES).fetchall() == [("topics_age", True), ("topics_changed", True)]
    assert new.execute(OID).fetchone() == (made,)


@pytest.mark.slow
def test_an_index_whose_making_was_interrupted_is_made_anew(new, migrate, building, reader):
    for (pid,) in new.execute(BUILDING).fetchall():
        new.execute("SELECT pg_terminate_backend(%s)", [pid])
    assert building.wait() == 1
    assert new.execute(INDEXES).fetchall() == [("topics_age", False)]
    [invalid] = new.execute(OID).fetchone()
    reader.rollback()

    assert migrate().applied == [ADDED]

    assert new.execute(INDEXES).fetchall() == [("topics_age", True), ("topics_changed", True)]
    assert new.execute(OID).fetchone() != (invalid,)


@pytest.mark.slow
def test_an_index_that_the_server_completes_after_its_process_was_killed_is_kept(new, migrate, building, reader):
    building.kill()
    [made] = new.execute(OID).fetchone()
    deadlines.begin(3)
    with pytest.raises(DatabaseUnavailable, match="another process is migrating"):
        migrate()
    reader.rollback()
    deadlines.begin(60)

    assert migrate().applied == [ADDED]

    assert new.execute(INDEXES).fetchall() == [("topics_age", True), ("topics_changed", True)]
    assert new.execute(OID).fetchone() == (made,)


@pytest.mark.slow
def test_processes_that_migrate_at_the_same_time_make_an_index_once(new, building, start_migrating, reader):
    processes = [building, start_migrating(), start_migrating()]
    reader.rollback()
    outputs = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(outputs) == [[], [], [ADDED]]
    assert new.execute(INDEXES).fetchall() == [("topics_age", True), ("topics_changed", True)]


def test_publishes_go_through_during_a_migration_outside_of_a_transaction(new, building, reader):
    new.execute("""SELECT broker.publish('orders', '"a"')""")
    assert building.poll() is None
    reader.rollback()
    assert building.wait() == 0
