"""Releases: the code of each works on the schema of this tree, and this tree migrates the schema of each."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import psycopg
import pytest

from broker import settings
from broker.schema import migrations
from tests.support.client import ROOT

# The schemas that deployments have. A tag names each; the commit is for clones without tags.
RELEASES = {"schema-0010": "c3d14a2e793087dff49b877b33ca0724414ec006"}
WANTED = {"publish": 201, "consume": 200, "settle": 200, "broadcast": 202, "mint": 201, "publish with it": 201}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=RELEASES)
def release(request, tmp_path_factory):
    """The folder of a release."""
    archive = subprocess.run(["git", "archive", RELEASES[request.param]], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        pytest.skip(f"this clone does not have {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as file:
        file.extractall(folder, filter="data")
    shutil.copy(ROOT / "tests/support/exercise.py", folder / "tests/support")
    return folder


def run(folder, module, **environment):
    """Run a module of a tree with the database of the environment."""
    names = ("PATH", "DATABASE_URL", "OWNER_DATABASE_URL", "TOKEN_KEYS")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    done = subprocess.run(
        [sys.executable, *module],
        cwd=folder,
        env={**kept, **environment, "PYTHONPATH": f"{folder}:{folder}/layers/broker"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def migrate(folder):
    run(folder, ["-c", "from broker.schema import migrations; migrations.migrate()"])


def exercise(folder, token):
    answers = json.loads(run(folder, ["-m", "tests.support.exercise"], BROKER_TOKEN=token).splitlines()[-1])
    assert {name: answers[name] for name in WANTED} == WANTED
    assert answers["dispatch"] == {"batchItemFailures": []}


@pytest.fixture
def admin(new_database):
    """Give the admin token of a tree to the database; return it."""
    url = new_database()

    def store(folder):
        code = (
            "import hashlib\n"
            "from tests.support.client import ADMIN_TOKEN as token\n"
            "print(token, hashlib.sha256(token.encode()).hexdigest())"
        )
        token, digest = run(folder, ["-c", code]).split()
        with psycopg.connect(url, autocommit=True) as owner:
            owner.execute(
                "INSERT INTO broker.tokens (id, name, hash, scopes, topics) VALUES (gen_random_uuid(), 'admin', %s,"
                " '{publish,consume,subscribe,broadcast,browse,manage,tokens}', '{*}')"
                " ON CONFLICT (name) DO UPDATE SET hash = excluded.hash",
                [bytes.fromhex(digest)],
            )
        return token

    return store


def test_the_code_of_a_release_works_on_this_schema(release, admin):
    migrate(release)
    exercise(release, admin(release))
    settings.current.cache_clear()
    migrations.migrate()
    exercise(release, admin(release))


def test_this_code_works_on_the_schema_that_it_brings_up_to_date(release, admin):
    migrate(release)
    exercise(release, admin(release))
    migrate(ROOT)
    exercise(ROOT, admin(ROOT))


def test_the_migrate_of_a_release_changes_nothing_of_a_newer_schema(release, new_database):
    new_database()
    migrate(ROOT)
    newest = max(int(file.name[:4]) for file in migrations.MIGRATIONS.iterdir())
    oldest = max(int(file.name[:4]) for file in (release / "layers/broker/broker/sql/migrations").iterdir())
    if newest == oldest:
        pytest.skip("no migration has come since")
    code = (
        "from broker.schema import migrations\n"
        "try: migrations.migrate()\n"
        "except migrations.SchemaIsNewer: print('refused')"
    )
    assert run(release, ["-c", code]).strip() == "refused"
