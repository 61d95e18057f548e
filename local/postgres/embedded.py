"""The embedded PostgreSQL: made at the first start, owned by one process, and sound again after a kill -9.

All of it stands in one folder: the cluster, its password, the port it had last, and its log.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

import psycopg

from local.postgres.programs import Programs, environment, find
from local.secret_file import kept

PATIENCE_SECONDS = 30.0


class PostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message says why."""


@dataclass
class Server:
    """A running PostgreSQL, which ends with `stop()` or with the process that started it."""

    url: str  # superuser postgres, database broker
    port: int
    programs: Path  # the folder that also holds psql
    process: subprocess.Popen[bytes]
    lock: TextIO
    run: Callable[[], subprocess.Popen[bytes]]

    def restart(self) -> None:
        """Run it again after it died by itself: it recovers all that was committed. Raises PostgresError."""
        self.process = self.run()

    def stop(self) -> None:
        """Shut down with a checkpoint, so that the next start recovers nothing. Safe to repeat."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    folder: Path, *, settings: Mapping[str, str] | None = None, say: Callable[[str], None] = lambda _: None
) -> Server:
    """Start the server whose data stands in `folder`, making it if there is none. Call it from the main thread.

    `settings` are PostgreSQL's own (`{"fsync": "off"}`); `say` is told of each step that takes a while.
    A server that a killed process left on the folder is stopped first. Raises PostgresError, also when another
    process runs one there.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(_lock(folder))
        programs = find(folder, say)
        if programs is None:
            raise PostgresError("no PostgreSQL: install local/requirements.txt, or set PG_BIN or DATABASE_URL")
        if programs.disguise == "nobody":
            folder.chmod(folder.stat().st_mode | 0o011)  # to be passed through; what is secret in it is 0600
        password = kept(folder / "postgres.password", lambda: secrets.token_urlsafe(32))
        if (folder / "data").exists():
            _own(folder / "data", programs.owner)
        else:
            say("creating the database cluster")
            _create_cluster(folder, programs)
        port = _free_port(folder / "postgres.port")

        def run() -> subprocess.Popen[bytes]:
            _end_stale(folder, password)
            process = _spawn(folder, programs, {"port": str(port), **(settings or {})})
            try:
                _await(folder, process, _url(password, port, "postgres"))
            except BaseException:
                process.kill()
                raise
            return process

        server = Server(_url(password, port, "broker"), port, programs.folder, run(), lock, run)
        undo.pop_all()
    return server


def _url(password: str, port: int, database: str) -> str:
    return f"postgresql://postgres:{password}@127.0.0.1:{port}/{database}"


def _lock(folder: Path) -> TextIO:
    lock = (folder / "postgres.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise PostgresError(f"another process runs the PostgreSQL of {folder}") from None
    return lock


def _create_cluster(folder: Path, programs: Programs) -> None:
    draft, password = folder / "data.new", folder / "postgres.password"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    for file in (draft, password):
        os.chown(file, programs.owner, -1)
    made = programs.run(
        "initdb",
        f"--pgdata={draft}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password}",
        "--encoding=UTF8",
        "--locale=C",
    )
    if made.returncode != 0:
        raise PostgresError(f"the database cluster could not be created: {made.stderr.strip()}")
    draft.rename(folder / "data")


def _own(data: Path, owner: int) -> None:
    if data.stat().st_uid != owner:
        for file in (data, *data.rglob("*")):
            os.chown(file, owner, -1, follow_symlinks=False)


def _end_stale(folder: Path, password: str) -> None:
    """Stop a server that outlived its runner, and clear away the pid file of one that was killed.

    A connection is trusted, not the pid: it may be a zombie's, or another program's by now. We hold the lock, so a
    server found here serves nobody. PostgreSQL itself refuses to start while an orphan still uses the shared memory.
    """
    pid_file = folder / "data" / "postmaster.pid"
    ending_until = time.monotonic() + 2
    while pid_file.exists():
        pid, port = _pid_and_port(pid_file)
        try:
            with psycopg.connect(_url(password, port, "postgres"), connect_timeout=2):
                os.kill(pid, signal.SIGINT)
        except ProcessLookupError:  # it was ending already
            pass
        except psycopg.OperationalError as error:
            starting_or_stopping = "the database system is" in str(error)
            if not starting_or_stopping and (not _alive(pid) or time.monotonic() > ending_until):
                pid_file.unlink(missing_ok=True)
        time.sleep(0.02)


def _pid_and_port(pid_file: Path) -> tuple[int, int]:
    lines: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        lines = pid_file.read_text().splitlines()
    return (int(lines[0]), int(lines[3])) if len(lines) > 3 else (0, 0)  # noqa: PLR2004  line 4 is the port


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):
        return True


def _free_port(file: Path) -> int:
    """Return the port of last time if it is still free, so that a noted psql line keeps working."""
    wished = int(file.read_text()) if file.exists() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    file.write_text(str(port))
    return port


def _spawn(folder: Path, programs: Programs, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    fixed = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_error_statement": "panic",  # a statement may hold a password or a message
    }
    options = [f"--{name}={value}" for name, value in {**fixed, **settings}.items()]
    command = programs.command("postgres", "-D", str(folder / "data"), *options)
    with (folder / "postgres.log").open("w") as log:
        return subprocess.Popen(
            command, env=environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
        )


def _await(folder: Path, process: subprocess.Popen[bytes], url: str) -> None:
    """Return once the server answers and its database broker exists."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        ended = process.poll() is not None
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = 'broker'").fetchall():
                    connection.execute("CREATE DATABASE broker")
                return
        except psycopg.OperationalError as error:
            if ended or time.monotonic() > give_up:
                log = (folder / "postgres.log").read_text(errors="replace")
                raise PostgresError(f"PostgreSQL did not start: {log.strip()[-1000:] or error}") from error
            time.sleep(0.02)
