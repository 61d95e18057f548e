"""Migrations: safe to repeat, and to run at the same time; what is stored stays, and follows the settings."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from broker import settings, tokens, topics
from broker.errors import Unauthorized
from broker.pubsub import subscriptions
from broker.schema import maintenance
from tests.schema.conftest import MIGRATIONS


def apply_migrations(connection, last):
    """Apply the migrations up to this version to an empty database, and none of the functions."""
    files = sorted(MIGRATIONS.iterdir())[:last]
    assert files[-1].name.startswith(f"{last:04}_")
    with connection.transaction():
        connection.execute("CREATE SCHEMA broker")
        connection.execute("SET LOCAL search_path = broker, pg_temp")
        connection.execute(
            "CREATE TABLE migrations (version integer PRIMARY KEY, name text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT statement_timestamp())"
        )
        for version, file in enumerate(files, 1):
            connection.execute(file.read_text())
            connection.execute("INSERT INTO migrations (version, name) VALUES (%s, %s)", [version, file.stem])


def test_migrating_an_empty_database_makes_it_ready(new, migrate):
    done = migrate()
    files = sorted(file.stem for file in MIGRATIONS.iterdir())
    assert (done.applied, done.version, done.notes) == (files, len(files), [])
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


def test_migrating_from_version_9_keeps_the_values_of_the_renamed_columns(new, migrate):
    apply_migrations(new, 9)
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    topic_values = {"watched_until": moment, "due_from": moment + timedelta(hours=1)}
    [topic_id] = new.execute(
        "INSERT INTO broker.topics (name, watched_until, due_from)"
        " VALUES ('orders', %(watched_until)s, %(due_from)s) RETURNING id",
        topic_values,
    ).fetchone()
    new.execute(
        "INSERT INTO broker.subscriptions (id, topic_id, name, url, secrets, cursor, owed_days)"
        " VALUES (gen_random_uuid(), %s, 'shop', 'http://127.0.0.1:8000/', '{whsec_}', 0, 7)",
        [topic_id],
    )

    done = migrate()

    assert done.applied[0] == "0010_plain_names"
    renamed = new.execute("SELECT batch_window_until, next_due_at FROM broker.topics WHERE name = 'orders'")
    assert renamed.fetchall() == [tuple(topic_values.values())]
    assert new.execute("SELECT name, backlog_days FROM broker.subscriptions").fetchall() == [("shop", 7)]
    [subscription] = subscriptions.list_subscriptions("orders", None, 10).items
    assert subscription.backlog_days == 7


def test_migrating_from_version_9_renames_the_reason_of_the_dead_letters(new, migrate):
    apply_migrations(new, 9)
    [topic_id] = new.execute("INSERT INTO broker.topics (name) VALUES ('orders') RETURNING id").fetchone()
    for seconds, reason in enumerate(["out of receives", "unreadable"]):
        new.execute(
            "INSERT INTO broker.queue (message_id, topic_id, ready_at, died_at, bytes, reason)"
            " VALUES (gen_random_uuid(), %s, now(), now() + make_interval(secs => %s), 500, %s)",
            [topic_id, seconds, reason],
        )

    migrate()

    reasons = new.execute("SELECT reason FROM broker.queue ORDER BY died_at").fetchall()
    assert reasons == [("receives exhausted",), ("unreadable",)]


def test_migrating_from_version_11_finds_all_partitions_and_what_is_left_of_them(new, migrate):
    apply_migrations(new, 11)
    new.execute("SET search_path = broker")
    new.execute((MIGRATIONS.parent / "functions/internal/first_uuid.sql").read_text())
    days = {"messages_detached": 1, "messages_pending": 2, "messages_attached": 3}
    for name, day in days.items():
        first, end = new.execute(
            "SELECT first_uuid(make_date(2026, 1, %(day)s)), first_uuid(make_date(2026, 1, %(day)s + 1))", {"day": day}
        ).fetchone()
        new.execute(f"CREATE TABLE {name} (LIKE messages INCLUDING ALL)")
        new.execute(f"ALTER TABLE messages ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')")
    new.execute("ALTER TABLE messages DETACH PARTITION messages_detached CONCURRENTLY")
    with psycopg.connect(settings.current().owner_database_url) as reader:
        reader.execute("SELECT FROM broker.messages")
        new.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            new.execute("ALTER TABLE messages DETACH PARTITION messages_pending CONCURRENTLY")
    new.execute("SET lock_timeout = 0")

    migrate()

    found = new.execute("SELECT * FROM partitions WHERE begins_at < '2026-02-01' ORDER BY begins_at").fetchall()
    midnight = {day: datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5)}
    assert found == [
        (name, midnight[day], midnight[day + 1], name == "messages_attached") for name, day in days.items()
    ]
    assert maintenance.maintain().removed == [*days]


def test_a_setting_that_is_refused_leaves_the_functions_as_they_were(new, migrate):
    with pytest.raises(psycopg.errors.CheckViolation):
        migrate(RETENTION_DAYS="366")
    assert new.execute("SELECT FROM pg_proc WHERE pronamespace = 'broker'::regnamespace").fetchall() == []
    assert migrate(RETENTION_DAYS="365").applied == []


def test_a_migration_replaces_the_admin_token_by_the_one_in_the_settings(new, migrate):
    migrate(BROKER_ADMIN_TOKEN="brk_first")
    first = tokens.authorize("brk_first")
    tokens.forget()

    migrate(BROKER_ADMIN_TOKEN="brk_second")

    assert tokens.authorize("brk_second") == first
    with pytest.raises(Unauthorized):
        tokens.authorize("brk_first")


def test_the_stored_admin_token_stays_when_the_settings_have_none(new, migrate):
    migrate(BROKER_ADMIN_TOKEN="brk_first")
    migrate(BROKER_ADMIN_TOKEN="")
    assert tokens.authorize("brk_first").scopes == list(tokens.SCOPES)


def test_the_topics_that_a_token_may_create_are_those_in_the_settings(new, migrate):
    migrate()
    limit = "SELECT topics_per_token FROM broker.limits"
    assert new.execute(limit).fetchone() == (10_000,)
    migrate(TOPICS_PER_TOKEN="7")
    assert new.execute(limit).fetchone() == (7,)


def test_the_retention_is_the_one_in_the_settings(new, migrate):
    migrate()
    retention = "SELECT extract(day FROM retention)::integer FROM broker.ring"
    assert new.execute(retention).fetchone() == (30,)
    migrate(RETENTION_DAYS="7")
    assert new.execute(retention).fetchone() == (7,)
