"""A new database, and its migrations: those of the package, with those that a test adds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from broker import settings
from broker.schema import migrations
from tests.support.client import ROOT

MIGRATIONS = ROOT / "layers/broker/broker/sql/migrations"
MIGRATE = """import sys
from pathlib import Path
from broker.schema import migrations
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
        file = folder / f"{len(list(folder.iterdir())) + 1:04}_added.sql"
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
