"""The steps of a migration: each commits by itself, keeps publishers waiting for a moment only, and can be repeated."""

import psycopg
import pytest

from broker import deadlines
from broker.errors import DatabaseUnavailable
from broker.schema import migrations, steps
from tests.schema.conftest import ADDED, LAST, MIGRATIONS
from tests.support.runner import until

WAITING = """SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'pgbroker' AND wait_event_type = 'Lock'"""
LOCKED = (
    """SELECT FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'broker.topics'::regclass"""
)
EVERYTHING = """SELECT oid, xmin::text, NULL FROM pg_proc WHERE pronamespace = 'broker'::regnamespace
                UNION ALL SELECT oid, xmin::text, relacl::text FROM pg_class WHERE relnamespace = 'broker'::regnamespace
                ORDER BY 1"""


def columns(connection):
    found = connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'broker.topics'::regclass")
    return {name for (name,) in found}


def applied(process):
    """What a process has applied, once it has ended."""
    output, _ = process.communicate()
    assert process.returncode == 0
    return output.split()


def test_a_migration_that_fails_changes_nothing_and_those_before_it_stay(new, migrate, add_migration):
    add_migration("ALTER TABLE topics ADD COLUMN color text;")
    failing = add_migration("ALTER TABLE topics ADD COLUMN size text; SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate()
    assert new.execute("SELECT max(version) FROM broker.migrations").fetchone() == (LAST + 1,)
    assert columns(new) & {"color", "size"} == {"color"}

    failing.write_text("ALTER TABLE topics ADD COLUMN size text;")

    assert migrate().applied == [failing.stem]
    assert columns(new) >= {"color", "size"}


@pytest.mark.slow
def test_five_processes_can_migrate_at_the_same_time(start_migrating):
    running = [start_migrating() for _ in range(5)]
    names = [name for process in running for name in applied(process)]
    assert sorted(names) == sorted(file.stem for file in MIGRATIONS.iterdir())


@pytest.mark.slow
def test_publishes_go_through_between_the_tries_of_a_migration(new, migrate, add_migration, start_migrating, reader):
    migrate()
    add_migration("ALTER TABLE topics ADD COLUMN color text;")
    reader.execute("SELECT FROM broker.topics")
    migrating = start_migrating()
    for _ in range(2):
        until(lambda: new.execute(WAITING).fetchall())
        new.execute("""SELECT broker.publish('orders', '"a"')""")
        assert migrating.poll() is None

    reader.rollback()

    assert applied(migrating) == [ADDED]
    assert "color" in columns(new)


@pytest.mark.slow
def test_a_migration_that_never_gets_its_lock_fails_and_can_be_repeated(new, migrate, add_migration, reader):
    migrate()
    add_migration("ALTER TABLE topics ADD COLUMN color text;")
    reader.execute("SELECT FROM broker.topics")
    deadlines.begin(3)
    with pytest.raises(DatabaseUnavailable, match=r"tried .* lock timeout; migrate again later") as raised:
        migrate()
    assert isinstance(raised.value.__cause__, psycopg.errors.LockNotAvailable)

    reader.rollback()
    deadlines.begin(30)

    assert migrate().applied == [ADDED]


def test_a_migration_is_tried_again_after_a_deadlock(new, migrate, add_migration, start_migrating, reader):
    migrate()
    new.execute(f"ALTER DATABASE {new.info.dbname} SET deadlock_timeout = '10ms'")
    add_migration("""LOCK TABLE topics;
        DO $$ BEGIN
            WHILE EXISTS (SELECT FROM pg_locks WHERE granted AND relation = 'subscriptions'::regclass)
                AND NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'topics'::regclass) LOOP
                PERFORM pg_sleep(0.01);
            END LOOP;
        END $$;
        LOCK TABLE subscriptions;""")
    reader.execute("SET LOCAL deadlock_timeout = '1min'")
    reader.execute("LOCK TABLE broker.subscriptions")
    migrating = start_migrating()
    until(lambda: new.execute(LOCKED).fetchall())
    reader.execute("LOCK TABLE broker.topics")
    reader.rollback()

    assert applied(migrating) == [ADDED]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    until(lambda: new.execute(deadlocks).fetchone() == (1,))


def test_each_fourth_try_waits_long_enough_for_an_autovacuum_to_be_ended(monkeypatch):
    monkeypatch.setattr(steps, "FIRST_PAUSE_SECONDS", 0)
    waits = []

    def step(lock_ms):
        waits.append(lock_ms)
        if len(waits) < 9:
            raise DatabaseUnavailable from psycopg.errors.LockNotAvailable()
        return "done"

    assert steps.persist(step) == "done"
    assert waits == [500, 500, 500, 1200, 500, 500, 500, 1200, 500]


def test_a_step_that_fails_for_another_reason_is_not_tried_again():
    tries = []

    def step(lock_ms):
        tries.append(lock_ms)
        raise DatabaseUnavailable from psycopg.errors.AdminShutdown()

    with pytest.raises(DatabaseUnavailable):
        steps.persist(step)
    assert tries == [500]


def test_an_older_version_of_pgbroker_leaves_a_newer_schema_as_it_is(new, migrate):
    migrate()
    new.execute("INSERT INTO broker.migrations (version, name) VALUES (99, '0099_later')")
    before = new.execute(EVERYTHING).fetchall()
    with pytest.raises(migrations.SchemaIsNewer) as raised:
        migrate(RETENTION_DAYS="7")
    assert str(raised.value) == (
        f"the schema has version 99, and this version of pgbroker knows none after {LAST}: nothing was changed;"
        " migrate with the newer version of pgbroker"
    )
    assert new.execute(EVERYTHING).fetchall() == before
    assert new.execute("SELECT retention::text FROM broker.ring").fetchone() == ("30 days",)
