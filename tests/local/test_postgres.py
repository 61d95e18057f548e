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

NOTHING_SYNCED = {"fsync": "off"}
STARTER = """
import sys
from pathlib import Path
from local.postgres import embedded

server = embedded.start(Path(sys.argv[1]))
print(server.url, server.process.pid, flush=True)
sys.stdin.read()
"""
COME_AND_GO = """
import os, sys

while True:
    with open(sys.argv[1] + ".new", "w") as file:
        file.write("7\\n\\n\\n8\\n")
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    os.unlink(sys.argv[1])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder whose cluster is made already, and which no server runs on."""
    folder = tmp_path_factory.mktemp("postgres")
    embedded.start(folder, settings=NOTHING_SYNCED).stop()
    return folder


def ask(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def tell(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


def test_the_server_has_a_database_for_the_broker(folder):
    with embedded.start(folder, settings=NOTHING_SYNCED) as server:
        assert ask(
            server.url,
            "SELECT current_database(), current_user, current_setting('server_encoding'), current_setting('timezone')",
        ) == [("broker", "postgres", "UTF8", "UTC")]
        assert ask(server.url, "SHOW max_connections") == [("200",)]
        assert ask(server.url, "SHOW fsync") == [("off",)]


def test_the_password_is_for_its_owner_only_and_is_asked_for(folder):
    with embedded.start(folder, settings=NOTHING_SYNCED) as server:
        assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{server.port}/broker")


def test_a_second_start_finds_the_data_and_keeps_the_port(folder):
    with embedded.start(folder, settings=NOTHING_SYNCED) as first:
        tell(first.url, "CREATE TABLE kept AS SELECT 1 AS number")
    with embedded.start(folder, settings=NOTHING_SYNCED) as second:
        assert second.url == first.url
        assert ask(second.url, "SELECT number FROM kept") == [(1,)]


def test_stopping_leaves_no_process(folder):
    server = embedded.start(folder, settings=NOTHING_SYNCED)
    backends = [pid for (pid,) in ask(server.url, "SELECT pid FROM pg_stat_activity")]
    server.stop()
    assert not any(map(runs, [server.process.pid, *backends]))


def test_two_servers_do_not_share_a_folder(folder):
    with (
        embedded.start(folder, settings=NOTHING_SYNCED),
        pytest.raises(embedded.PostgresError, match="another process"),
    ):
        embedded.start(folder)


def test_a_server_that_outlived_its_runner_gives_way(folder):
    first = embedded.start(folder, settings=NOTHING_SYNCED)
    first.lock.close()
    with embedded.start(folder, settings=NOTHING_SYNCED) as second:
        assert first.process.wait() == 0
        assert ask(second.url, "SELECT 1") == [(1,)]


def test_the_pid_file_of_a_zombie_is_no_hindrance(folder):
    dead = embedded.start(folder, settings=NOTHING_SYNCED)
    dead.process.kill()
    dead.lock.close()
    with embedded.start(folder, settings=NOTHING_SYNCED) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]
    dead.process.wait()


def test_a_server_that_cannot_start_says_what_postgresql_said(folder):
    with pytest.raises(embedded.PostgresError, match="no_such_setting"):
        embedded.start(folder, settings={"no_such_setting": "1"})
    embedded.start(folder, settings=NOTHING_SYNCED).stop()


def test_a_setup_that_was_interrupted_is_done_again(tmp_path):
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("half")
    said = []
    with embedded.start(tmp_path, settings=NOTHING_SYNCED, say=said.append) as server:
        assert ask(server.url, "SELECT 1") == [(1,)]
    assert said == ["creating the database cluster"]


@pytest.mark.slow
def test_what_was_committed_survives_a_kill_of_everything(tmp_path):
    starter, url, pid = start_in_a_process(tmp_path)
    tell(url, "CREATE TABLE kept AS SELECT 1 AS number")
    subprocess.run(["kill", "-9", str(starter.pid), str(pid)], check=True)
    starter.communicate()
    with embedded.start(tmp_path) as server:
        assert ask(server.url, "SELECT number FROM kept") == [(1,)]


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


def test_a_connection_that_is_lost_while_the_server_starts_is_made_again(folder):
    with embedded.start(folder, settings=NOTHING_SYNCED) as server, Proxy(server.port) as proxy:
        proxy.swallow_answer_to(b"pg_database")
        embedded._await(folder, server.process, server.url.replace(str(server.port), str(proxy.port)))


def test_a_pid_file_may_go_while_it_is_read(tmp_path):
    file = tmp_path / "postmaster.pid"
    with subprocess.Popen([sys.executable, "-c", COME_AND_GO, str(file)]) as coming:
        try:
            until(file.exists)
            read = {embedded._pid_and_port(file) for _ in range(100_000)}
        finally:
            coming.kill()
    assert read == {(0, 0), (7, 8)}


def test_a_server_may_end_by_itself_before_it_is_told_to(folder, tmp_path):
    (tmp_path / "data").mkdir()
    left = tmp_path / "data" / "postmaster.pid"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with embedded.start(folder, settings=NOTHING_SYNCED) as server:
        left.write_text(f"{ended.pid}\n\n\n{server.port}\n")
        going = threading.Timer(0.2, left.unlink)
        going.start()
        embedded._end_stale(tmp_path, conninfo_to_dict(server.url)["password"])
        going.join()
        assert not left.exists()
