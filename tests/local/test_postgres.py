"""The embedded PostgreSQL: how it is created, started, stopped and recovered."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from local.postgres import embedded
from tests.support.proxy import Proxy
from tests.support.runner import runs, until
from tests.support.soak import share

NO_FSYNC = {"fsync": "off"}
STARTER = """
import sys
from pathlib import Path
from local.postgres import embedded

server = embedded.start(Path(sys.argv[1]))
print(server.url, server.process.pid, flush=True)
sys.stdin.read()
"""
CREATE_AND_REMOVE = """
import os, sys

while True:
    with open(sys.argv[1] + ".new", "w") as file:
        file.write("7\\n\\n\\n8\\n")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    os.unlink(sys.argv[1])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that has a database cluster, and no server that runs."""
    folder = tmp_path_factory.mktemp("postgres")
    embedded.start(folder, settings=NO_FSYNC).stop()
    return folder


def query(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def execute(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_the_server_has_a_database_for_the_broker(folder):
    with embedded.start(folder, settings=NO_FSYNC) as server:
        assert query(
            server.url,
            "SELECT current_database(), current_user, current_setting('server_encoding'), current_setting('timezone')",
        ) == [("broker", "postgres", "UTF8", "UTC")]
        assert query(server.url, "SHOW max_connections") == [("200",)]
        assert query(server.url, "SHOW fsync") == [("off",)]


def test_only_the_owner_can_read_the_password_and_the_server_requires_it(folder):
    with embedded.start(folder, settings=NO_FSYNC) as server:
        assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{server.port}/broker")


def test_a_second_start_finds_the_data_and_keeps_the_port(folder):
    with embedded.start(folder, settings=NO_FSYNC) as first:
        execute(first.url, "CREATE TABLE kept AS SELECT 1 AS number")
    with embedded.start(folder, settings=NO_FSYNC) as second:
        assert second.url == first.url
        assert query(second.url, "SELECT number FROM kept") == [(1,)]


def test_stopping_leaves_no_process(folder):
    server = embedded.start(folder, settings=NO_FSYNC)
    backends = [pid for (pid,) in query(server.url, "SELECT pid FROM pg_stat_activity")]
    server.stop()
    assert not any(map(runs, [server.process.pid, *backends]))


def test_two_servers_do_not_share_a_folder(folder):
    with (
        embedded.start(folder, settings=NO_FSYNC),
        pytest.raises(embedded.PostgresError, match="another process"),
    ):
        embedded.start(folder)


def test_a_start_stops_a_server_that_outlived_its_runner(folder):
    first = embedded.start(folder, settings=NO_FSYNC)
    first.lock.close()
    with embedded.start(folder, settings=NO_FSYNC) as second:
        assert first.process.wait() == 0
        assert query(second.url, "SELECT 1") == [(1,)]


def test_a_server_starts_although_a_zombie_has_the_pid_in_the_pid_file(folder):
    dead = embedded.start(folder, settings=NO_FSYNC)
    dead.process.kill()
    dead.lock.close()
    with embedded.start(folder, settings=NO_FSYNC) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
    dead.process.wait()


def test_the_error_of_a_failed_start_contains_the_log_of_postgresql(folder):
    with pytest.raises(embedded.PostgresError, match="no_such_setting"):
        embedded.start(folder, settings={"no_such_setting": "1"})
    embedded.start(folder, settings=NO_FSYNC).stop()


@pytest.mark.slow
def test_an_interrupted_creation_of_the_cluster_is_repeated(tmp_path):
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("half")
    lines = []
    with embedded.start(tmp_path, settings=NO_FSYNC, say=lines.append) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
    assert lines == ["creating the database cluster"]


@pytest.mark.slow
def test_committed_rows_survive_a_kill_of_the_starter_and_the_server(tmp_path):
    starter, url, pid = start_in_a_process(tmp_path)
    execute(url, "CREATE TABLE kept AS SELECT 1 AS number")
    subprocess.run(["kill", "-9", str(starter.pid), str(pid)], check=True)
    starter.communicate()
    with embedded.start(tmp_path) as server:
        assert query(server.url, "SELECT number FROM kept") == [(1,)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    starter, _, pid = start_in_a_process(tmp_path)
    starter.kill()
    starter.communicate()
    until(lambda: not runs(pid))


def start_in_a_process(folder):
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        cwd=Path(embedded.__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    url, pid = starter.stdout.readline().split()
    return starter, url, int(pid)


def test_a_start_connects_again_when_its_connection_is_lost(folder):
    with embedded.start(folder, settings=NO_FSYNC) as server, Proxy(server.port) as proxy:
        proxy.swallow_answer_to(b"pg_database")
        embedded._wait_until_ready(folder, server.process, server.url.replace(str(server.port), str(proxy.port)))


@pytest.mark.slow
@pytest.mark.soak
def test_a_pid_file_that_is_removed_while_it_is_read_is_read_as_zeros(tmp_path):
    file = tmp_path / "postmaster.pid"
    with subprocess.Popen([sys.executable, "-c", CREATE_AND_REMOVE, str(file)]) as creator:
        try:
            until(file.exists)
            read, reads = set(), 0
            while reads < share(400_000) or len(read) < 2:  # on a busy machine the other process may stand for long
                read.add(embedded._read_pid_file(file))
                reads += 1
        finally:
            creator.kill()
    assert read == {(0, 0), (7, 8)}


def test_a_start_waits_for_an_old_server_that_is_ending_already(folder, tmp_path):
    (tmp_path / "data").mkdir()
    pid_file = tmp_path / "data" / "postmaster.pid"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with embedded.start(folder, settings=NO_FSYNC) as server:
        pid_file.write_text(f"{ended.pid}\n\n\n{server.port}\n")
        removal = threading.Timer(0.2, pid_file.unlink)
        removal.start()
        embedded._stop_orphan(tmp_path, conninfo_to_dict(server.url)["password"])
        removal.join()
        assert not pid_file.exists()
