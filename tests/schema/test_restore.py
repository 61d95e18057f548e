"""A copy of the database goes on where the original was: restored or replicated as docs/how-to/restore.md says."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from broker import settings, topics
from broker.dispatch import planner
from broker.pubsub import attempts
from broker.queue import browsing, dead_letters, leases, messages
from broker.schema import maintenance, migrations
from broker.webhooks import outcomes, transfer
from local.postgres import embedded, programs
from tests.support import webhook_ids
from tests.support.client import ROOT
from tests.support.runner import until
from tests.support.topic import TOKEN_ID, Topic

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/how-to/restore.md").read_text()
COPY, COPY_SCHEMA = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
PAUSE, MAKE_PARTITIONS, SET_SEQUENCE = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
MOVE = (ROOT / "docs/how-to/move-the-database.md").read_text()
URL = "http://127.0.0.1:8000/"


def run(script, folder, tools, **variables):
    """Run lines of the shell with PostgreSQL's programs on the path."""
    environment = {**programs.environment(), **variables}
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(database_url):
    """A server of the wheel's PostgreSQL, the newest, while the one under test is older: `make test-versions`."""
    if "PG_BIN" not in os.environ:
        pytest.skip("PG_BIN is not set: there is one version of PostgreSQL only")
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PG_BIN")
            server = stack.enter_context(start_server())
        if major_version(server.url) <= major_version(database_url):
            pytest.skip("the PostgreSQL under test is the newest")
        yield server


@contextlib.contextmanager
def start_server(**settings):
    """Start a server in a temporary folder, of the version that PG_BIN says."""
    with tempfile.TemporaryDirectory(prefix="broker-tests-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run as another user
        with embedded.start(Path(folder), settings={"fsync": "off", **settings}) as server:
            yield server


def connect(url):
    return psycopg.connect(url, autocommit=True, options="-c search_path=broker")


def major_version(url):
    with connect(url) as connection:
        return connection.info.server_version // 10000


@pytest.fixture(params=["into the same PostgreSQL", "into a newer PostgreSQL"])
def newer(request):
    """The server for the copy; None: the one under test."""
    return request.getfixturevalue("wheel") if request.param == "into a newer PostgreSQL" else None


@pytest.fixture
def tools(newer, tmp_path):
    """The folder of pg_dump and psql, of the newer of the two versions."""
    return newer.programs if newer else programs.find(tmp_path, print).folder


@pytest.fixture
def restore(ring, newer, tools, new_database, tmp_path):
    """Restore a dump into a new database and migrate: `restore()` returns the owner's connection to the copy."""
    connections = []

    def restore():
        old = settings.current().owner_database_url
        new = new_database(newer.url) if newer else new_database()
        run(COPY, tmp_path, tools, OLD=old, NEW=new)
        migrations.migrate()
        leases.forget()
        connections.append(connect(new))
        return connections[-1]

    yield restore
    for connection in connections:
        connection.close()


def outcome(job, status=200):
    return outcomes.judge(job, transfer.Response(status, None, {}, b"", datetime.now(UTC), timedelta(seconds=1)))


def test_leases_delays_and_dead_letters_go_on_in_a_copy(ring, restore):
    orders = Topic("orders", ring)
    ids = orders.publish("done", "forgotten", "delayed", "rejected")
    done, forgotten, delayed, rejected = (message.receipt for message in orders.consume())
    orders.settle(release=[{"receipt": delayed, "delay_seconds": 3600}], reject=[{"receipt": rejected}])

    orders = Topic("orders", restore())

    assert orders.consume() == []
    assert [browsing.trace("orders", each).state for each in ids] == ["leased", "leased", "waiting", "dead"]
    assert orders.settle(ack=[done]).acked == 1
    orders.end_leases()
    again = orders.consume()
    assert orders.contents(again) == ["forgotten", "delayed"]
    assert orders.settle(ack=[forgotten, again[1].receipt]) == leases.Settled(1, 0, 0, 0, [], [forgotten])
    assert dead_letters.redrive("orders", dead_letters.Redrive()).redriven == 1
    assert orders.contents(orders.consume()) == ["rejected"]


def test_publishers_go_on_in_a_copy(ring, restore):
    key = messages.Idempotency("import-7", b"fingerprint")
    publication = messages.Publication('[{"content": "before"}]', many=True)
    first = messages.publish("orders", publication, "a test", TOKEN_ID, key)

    copy = restore()

    again = messages.publish("orders", publication, "a test", TOKEN_ID, key)
    assert (again.ids, again.replayed) == (first.ids, True)
    for name in ("orders", "new"):
        Topic(name, copy).publish("after")
    assert Topic("orders", copy).contents(Topic("orders", copy).consume()) == ["before", "after"]
    assert topics.read("new").queue.waiting == 1
    assert copy.execute("SELECT ensure_partitions(now(), now() + interval '20 days')").fetchone()[0] > 0
    assert maintenance.maintain().kept == []


def test_subscriptions_go_on_in_a_copy(ring, restore):
    orders = Topic("orders", ring)
    sent, lost, refusing = (orders.subscribe(f"{URL}{name}", batch_size=2) for name in ("sent", "lost", "refusing"))
    a, b, c = orders.publish("a", "b", "c")
    orders.broadcast()
    before = {job.subscription_id: job for job in planner.plan(10)}
    planner.plan(0, [outcome(before[refusing.id], 400)])

    orders = Topic("orders", restore())

    planner.plan(0, [outcome(before[sent.id])])
    orders.end_waits()
    after = {job.subscription_id: job for job in planner.plan(10)}
    assert (after[lost.id].webhook_id, after[lost.id].body) == (before[lost.id].webhook_id, before[lost.id].body)
    assert after[sent.id].webhook_id == webhook_ids.batch(sent.id, c)
    assert after[refusing.id].webhook_id in {
        webhook_ids.batch(refusing.id, c), *(webhook_ids.redelivery(refusing.id, each) for each in (a, b))
    }  # fmt: skip
    planner.plan(0, [outcome(job) for job in after.values()])
    orders.publish("d")
    assert (orders.broadcast().messages, orders.logged()[:3]) == (1, [a, b, c])
    recorded = attempts.list_attempts("orders", sent.id, attempts.List()).items
    assert [attempt.webhook_id for attempt in recorded] == [after[sent.id].webhook_id, before[sent.id].webhook_id]


def test_a_copy_takes_the_place_of_the_schema_that_a_deployment_has_made(ring, new_database, tmp_path):
    """As docs/how-to/move-the-database.md moves into the managed database, which Migrate has prepared."""
    [done, kept] = Topic("orders", ring).publish("done", "kept")
    receipt = Topic("orders", ring).consume(max=1)[0].receipt
    old, new = settings.current().owner_database_url, new_database()
    migrations.migrate()
    with connect(new) as made:
        Topic("orders", made).publish("of the deployment")

    tools = programs.find(tmp_path, print).folder
    [drop] = re.findall(r"^```sql\n(.*?)^```", MOVE, re.DOTALL | re.MULTILINE)
    dump, _ = re.findall(r"^pg_dump .*\n", MOVE, re.MULTILINE)
    restore = re.findall(r"^psql .*\n", MOVE, re.MULTILINE)[:2]
    run(dump, tmp_path, tools, OLD=old)
    with connect(new) as made:
        made.execute(drop)
    run("".join(restore), tmp_path, tools, MANAGED=new)
    migrations.migrate()
    leases.forget()

    with connect(new) as copy:
        orders = Topic("orders", copy)
        assert orders.settle(ack=[receipt]).acked == 1
        assert orders.contents(orders.consume()) == ["kept"]
        assert [browsing.trace("orders", each).state for each in (done, kept)] == ["consumed", "leased"]


@pytest.fixture
def server():
    """A server that can be replicated logically."""
    with start_server(wal_level="logical") as server:
        yield server


@pytest.mark.slow
def test_a_database_that_was_moved_by_logical_replication_goes_on(server, new_database, tmp_path):
    old_url = new_database(server.url)
    migrations.migrate()
    with connect(old_url) as old:
        orders = Topic("orders", old)
        subscribed = orders.subscribe(URL)
        [sent] = orders.publish("a")
        orders.broadcast()
        old.execute(MAKE_PARTITIONS)
        new_url = new_database(server.url)
        run(COPY_SCHEMA, tmp_path, server.programs, OLD=old_url, NEW=new_url)
        new = connect(new_url)
        replicate(old, new, old_url)
        old.execute("SELECT publish('orders', '1')")
        old.execute("SELECT publish('another', '2')")
        until(lambda: count(new, "queue") == count(old, "queue") == 2)
    with new:
        new.execute("DROP SUBSCRIPTION moved")
        with pytest.raises(psycopg.errors.UniqueViolation):
            new.execute("SELECT publish('new', '3')")
        new.execute(SET_SEQUENCE)
        migrations.migrate()

        [job] = planner.plan(10)
        planner.plan(0, [outcome(job)])
        assert job.webhook_id == webhook_ids.batch(subscribed.id, sent)
        for topic, contents in {"orders": [1], "another": [2], "new": []}.items():
            Topic(topic, new).publish("after")
            assert Topic(topic, new).contents(Topic(topic, new).consume()) == [*contents, "after"]


def replicate(old, new, old_url):
    """Replicate the schema from one database of a server to another, and wait for the copy."""
    old.execute("CREATE PUBLICATION moved FOR TABLES IN SCHEMA broker")
    # made first: on one server, CREATE SUBSCRIPTION would wait for its own transaction
    old.execute("SELECT pg_create_logical_replication_slot('moved', 'pgoutput')")
    new.execute(
        psycopg.sql.SQL("CREATE SUBSCRIPTION moved CONNECTION {} PUBLICATION moved WITH (create_slot = false)").format(
            old_url
        )
    )
    until(lambda: new.execute("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel").fetchone() == (True,))


def count(connection, table):
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def plan_with_another(connection, content):
    """Publish and broadcast one message more; return the webhook-ids that are planned, by subscription."""
    connection.execute("SELECT broker.publish('orders', %s::json)", [json.dumps(content)])
    connection.execute("SELECT broker.broadcast('orders')")
    planned = connection.execute("SELECT subscription_id, webhook_id FROM broker.plan_batches(10, 60)")
    return dict(planned.fetchall())


def test_a_webhook_id_is_the_same_in_original_and_copy_for_the_same_messages_only(ring, restore):
    orders = Topic("orders", ring)
    early, whole = orders.subscribe(f"{URL}early", batch_size=1), orders.subscribe(f"{URL}whole", batch_size=2)
    orders.publish("of both")
    orders.broadcast()
    late = orders.subscribe(f"{URL}late")
    copy = restore()

    original, restored = plan_with_another(ring, "of the original"), plan_with_another(copy, "of the copy")

    assert original.keys() == restored.keys() == {early.id, whole.id, late.id}
    assert original[early.id] == restored[early.id]
    assert original[whole.id] != restored[whole.id]
    assert original[late.id] != restored[late.id]


def test_a_copy_whose_subscriptions_are_paused_sends_nothing(ring, restore):
    orders = Topic("orders", ring)
    orders.subscribe(URL)
    orders.publish("a")
    orders.broadcast()
    copy = restore()
    copy.execute(PAUSE)
    assert planner.plan(10) == []
    assert planner.next_due() is None
