"""Migrations: safe to repeat and to run at once, and every verb stands as its file says."""

import os
import subprocess
import sys

import psycopg
import pytest

from broker import settings, tokens, topics
from broker.errors import Unauthorized
from broker.schema import migrations
from tests.support.client import ADMIN_TOKEN, ROOT

MIGRATE = "from broker.schema import migrations; print(*migrations.migrate().applied)"
SCHEMA = """SELECT oid::regprocedure::text, prosrc, proconfig, prosecdef, proacl::text FROM pg_proc
             WHERE pronamespace = 'broker'::regnamespace ORDER BY 1"""


@pytest.fixture
def migrate(monkeypatch):
    """Migrate with these settings."""

    def migrate(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.current.cache_clear()
        return migrations.migrate()

    return migrate


@pytest.fixture
def new(new_database):
    """The owner's connection to a new database."""
    with psycopg.connect(new_database(), autocommit=True) as connection:
        yield connection


def signatures(connection, verb):
    found = connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'broker'::regnamespace AND proname = %s",
        [verb],
    )
    return [signature for (signature,) in found]


def test_an_empty_database_is_made_ready(new, migrate):
    done = migrate()
    files = sorted(file.stem for file in (ROOT / "layers/broker/broker/sql/migrations").iterdir())
    assert (done.applied, done.version, done.notes) == (files, len(files), [])
    assert topics.read("default").queue.waiting == 0


def test_migrating_again_changes_nothing(new, migrate):
    first = migrate()
    before = new.execute(SCHEMA).fetchall()
    again = migrate()
    assert (again.applied, again.version) == ([], first.version)
    assert new.execute(SCHEMA).fetchall() == before


def test_migrating_loses_nothing(new, migrate):
    migrate()
    new.execute("""SELECT broker.publish('orders', '"a"')""")
    migrate()
    assert topics.read("orders").queue.waiting == 1


def test_five_processes_may_migrate_at_once(new):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/broker")}
    command = [sys.executable, "-c", MIGRATE]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    said = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * 5
    assert sorted(said)[:4] == [""] * 4
    assert sorted(said)[4].startswith("0001")


def test_a_migration_that_fails_changes_nothing(new, migrate):
    with pytest.raises(psycopg.errors.CheckViolation):
        migrate(RETENTION_DAYS="366")
    assert new.execute("SELECT FROM pg_namespace WHERE nspname = 'broker'").fetchall() == []


def test_a_verb_is_replaced_when_its_body_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("CREATE OR REPLACE FUNCTION broker.ticks(p_at timestamptz) RETURNS bigint LANGUAGE sql RETURN 1")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


def test_a_verb_is_replaced_when_its_result_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("DROP FUNCTION broker.next_due")
    new.execute("CREATE FUNCTION broker.next_due() RETURNS integer LANGUAGE sql RETURN 1")
    migrate()
    assert new.execute(SCHEMA).fetchall() == before


def test_a_verb_is_replaced_when_its_signature_changed(new, migrate):
    migrate()
    before = new.execute(SCHEMA).fetchall()
    new.execute("DROP FUNCTION broker.revoke_token")
    new.execute("CREATE FUNCTION broker.revoke_token(p_name text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert signatures(new, "revoke_token") == ["broker.revoke_token(uuid)"]
    assert new.execute(SCHEMA).fetchall() == before


def test_a_verb_whose_file_is_gone_is_dropped(new, migrate):
    migrate()
    new.execute("CREATE FUNCTION broker.shout(p_topic text) RETURNS boolean LANGUAGE sql RETURN true")
    migrate()
    assert signatures(new, "shout") == []


def test_a_session_that_knew_an_earlier_result_goes_on(new, migrate):
    migrate()
    new.execute("DROP FUNCTION broker.authorize_token")
    new.execute(
        "CREATE FUNCTION broker.authorize_token(p_hash bytea) RETURNS TABLE (topics text[], name text, old text)"
        " LANGUAGE sql SECURITY DEFINER AS $$ SELECT t.topics, t.name, 'old' FROM broker.tokens t $$"
    )
    migrate()
    statement = "SELECT name, topics FROM broker.authorize_token(%s)"
    with psycopg.connect(settings.current().database_url, autocommit=True) as warm:
        earlier = warm.execute(statement, [tokens.digest(ADMIN_TOKEN)], prepare=True).fetchall()
        migrate()
        assert warm.execute(statement, [tokens.digest(ADMIN_TOKEN)], prepare=True).fetchall() == earlier
    assert earlier == [("admin", ["*"])]


def test_the_admin_token_is_the_one_in_the_settings(new, migrate):
    migrate(BROKER_ADMIN_TOKEN="brk_first")
    first = tokens.authorize("brk_first")
    tokens.forget()

    migrate(BROKER_ADMIN_TOKEN="brk_second")

    assert tokens.authorize("brk_second") == first
    with pytest.raises(Unauthorized):
        tokens.authorize("brk_first")


def test_without_an_admin_token_the_stored_one_stays(new, migrate):
    migrate(BROKER_ADMIN_TOKEN="brk_first")
    migrate(BROKER_ADMIN_TOKEN="")
    assert tokens.authorize("brk_first").scopes == list(tokens.SCOPES)


def test_messages_are_kept_as_long_as_the_settings_say(new, migrate):
    migrate()
    retention = "SELECT extract(day FROM retention)::integer FROM broker.ring"
    assert new.execute(retention).fetchone() == (30,)
    migrate(RETENTION_DAYS="7")
    assert new.execute(retention).fetchone() == (7,)
