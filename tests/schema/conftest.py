"""A new database, and its migrations: those of the package, with those that a test adds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from broker import settings
from broker.schema import maintenance, migrations
from tests.support import partitions
from tests.support.client import ROOT

MIGRATIONS = ROOT / "layers/broker/broker/sql/migrations"
LAST = max(int(file.name[:4]) for file in MIGRATIONS.iterdir())
ADDED = f"{LAST + 1:04}_added"
OLD = "19700101_000000"  # a partition: it begins at 1970, as the first one does
MIGRATE = """import sys
from pathlib import Path
from broker.schema import maintenance, migrations
migrations.MIGRATIONS = Path(sys.argv[1])
print(*migrations.migrate().applied)"""


@pytest.fixture
def migrate(monkeypatch):
    """Migrate with these variables in the environment."""

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


@pytest.fixture
def add_migration(tmp_path, monkeypatch):
    """Add a migration after the last: `add_migration(source)` returns its file."""
    folder = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    monkeypatch.setattr(migrations, "MIGRATIONS", folder)

    def add(source):
        last = max(int(file.name[:4]) for file in folder.iterdir())
        file = folder / f"{last + 1:04}_added.sql"
        file.write_text(source)
        return file

    return add


@pytest.fixture
def start_migrating(new):
    """Start to migrate in another process, which prints what it applied."""
    running = []

    def start():
        command = [sys.executable, "-c", MIGRATE, str(migrations.MIGRATIONS)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/broker")}
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        with process:
            process.kill()


@pytest.fixture
def reader(new):
    """Another session, in a transaction that has read the topics and stays open until the test ends it."""
    with psycopg.connect(settings.current().owner_database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


@pytest.fixture
def make_older(ring):
    """Move all that was published, broadcast and sent forty days into the past, into the partition OLD."""
    partitions.drop_all(ring)
    partitions.make(ring, "now() - interval '41 days'")
    ring.execute("SELECT ensure_partitions(now(), now() + interval '2 days')")
    return lambda: partitions.make_older(ring, days=40)


@pytest.fixture
def remove_old(make_older):
    """Make all forty days older, and let Maintain remove the partition OLD."""

    def remove():
        make_older()
        done = maintenance.maintain()
        assert (done.removed, done.kept) == ([OLD], [])

    return remove


@pytest.fixture
def keep_at_most(ring):
    """Let at most so many messages of a partition be moved aside, instead of 10,000."""

    def keep_at_most(limit):
        ring.execute(
            "CREATE OR REPLACE FUNCTION may_keep(p_name text) RETURNS bigint LANGUAGE sql STABLE"
            f" RETURN {limit}::bigint"
        )

    return keep_at_most
