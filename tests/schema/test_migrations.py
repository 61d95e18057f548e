"""Migrations: safe to repeat, and to run at the same time; what is stored stays, and follows the settings."""

import hashlib

import psycopg
import pytest

from broker import authorization, topics
from broker.errors import Unauthorized
from broker.schema import migrations, roles
from broker.schema.payload import Payload
from tests.schema.conftest import LAST, MIGRATIONS
from tests.support.client import make_token

EVERYTHING = """SELECT oid, xmin::text FROM pg_class WHERE relnamespace = 'broker'::regnamespace
                UNION ALL SELECT oid, xmin::text FROM pg_namespace WHERE nspname = 'broker' ORDER BY 1"""


def test_migrating_an_empty_database_makes_it_ready(new, migrate):
    done = migrate()
    files = sorted(file.stem for file in MIGRATIONS.iterdir())
    assert (done.applied, done.version, done.notes) == (files, LAST, [])
    assert topics.read("default").queue.waiting == 0


def test_migrating_again_applies_nothing(new, migrate):
    first = migrate()
    second = migrate()
    assert (second.applied, second.version) == ([], first.version)


def test_migrating_keeps_the_messages(new, migrate):
    migrate()
    new.execute("""SELECT broker.publish('orders', '"a"')""")
    migrate()
    assert topics.read("orders").queue.waiting == 1


@pytest.mark.parametrize("last", [1, 9, 14])
def test_a_schema_that_was_made_before_0_2_is_refused_and_left_as_it_is(new, migrate, last):
    """Version 0.2 folded the migrations of 0.1 into its first, which has number 10: it cannot build on them."""
    new.execute(
        "CREATE SCHEMA broker; CREATE TABLE broker.topics (name text); INSERT INTO broker.topics VALUES ('orders');"
        "CREATE TABLE broker.migrations (version integer PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT statement_timestamp())"
    )
    new.execute("INSERT INTO broker.migrations SELECT n, 'of 0.1' FROM generate_series(1, %s) n", [last])
    before = new.execute(EVERYTHING).fetchall()

    with pytest.raises(migrations.SchemaIsTooOld) as raised:
        migrate()

    assert str(raised.value) == (
        "the schema was made by a version before 0.2: nothing was changed; remove the data folder, or drop the schema"
        " broker"
    )
    assert new.execute(EVERYTHING).fetchall() == before
    assert new.execute("SELECT max(version) FROM broker.migrations").fetchone() == (last,)
    assert not roles.exists(new, roles.name("owner", new))

    new.execute("DROP SCHEMA broker CASCADE")

    assert migrate().version == LAST


def test_a_setting_that_is_refused_leaves_the_functions_as_they_were(new, migrate):
    with pytest.raises(psycopg.errors.CheckViolation):
        migrate(RETENTION_DAYS="366")
    assert new.execute("SELECT FROM pg_proc WHERE pronamespace = 'broker'::regnamespace").fetchall() == []
    assert migrate(RETENTION_DAYS="365").applied == []


def admin(token):
    return Payload(admin_token_hash=hashlib.sha256(token.encode()).hexdigest())


def test_a_migration_replaces_the_admin_token_by_the_one_of_the_payload(new):
    migrations.migrate(admin(make_token("1")))
    first = authorization.authorize(make_token("1"))
    authorization.forget()

    migrations.migrate(admin(make_token("2")))

    assert authorization.authorize(make_token("2")) == first
    with pytest.raises(Unauthorized):
        authorization.authorize(make_token("1"))


def test_a_migration_makes_an_admin_token_that_never_ends_and_has_no_limit(new):
    migrations.migrate(admin(make_token("1")))
    new.execute("UPDATE broker.tokens SET expires_at = now() - interval '1 day', requests_per_second = 5")
    with pytest.raises(Unauthorized):
        authorization.authorize(make_token("1"))
    authorization.forget()
    migrations.migrate(admin(make_token("1")))
    token = authorization.authorize(make_token("1"))
    assert (token.expires_at, token.requests_per_second) == (None, None)


def test_the_stored_admin_token_stays_when_the_payload_has_none(new):
    migrations.migrate(admin(make_token("1")))
    migrations.migrate()
    assert authorization.authorize(make_token("1")).scopes == list(authorization.SCOPES)


def test_the_topics_that_a_token_may_create_are_those_in_the_settings(new, migrate):
    migrate()
    limit = "SELECT topics_per_token FROM broker.limits"
    assert new.execute(limit).fetchone() == (10_000,)
    migrate(OPTIONS='{"topics_per_token": 7}')
    assert new.execute(limit).fetchone() == (7,)


def test_the_retention_is_the_one_in_the_settings(new, migrate):
    migrate()
    retention = "SELECT extract(day FROM retention)::integer FROM broker.ring"
    assert new.execute(retention).fetchone() == (30,)
    migrate(RETENTION_DAYS="7")
    assert new.execute(retention).fetchone() == (7,)
