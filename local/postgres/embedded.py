"""The embedded PostgreSQL. The first start creates it, one process owns it, and after a `kill -9` it starts again.

One folder holds all of it: the database cluster, its password, its last port, and its log.
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
from local.secret_file import read_or_make

TIMEOUT_SECONDS = 30.0  # to start, and for each way to stop


class PostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message says why."""


@dataclass
class Server:
    """A running PostgreSQL. It ends with `stop()`, or (on Linux) with the process that started it."""

    url: str  # for the superuser postgres, to the database broker
    port: int
    programs: Path  # the folder that also holds psql
    process: subprocess.Popen[bytes]
    lock: TextIO  # held as long as this process owns the folder
    run: Callable[[], subprocess.Popen[bytes]]

    def restart(self) -> None:
        """Start it again after it died. It recovers everything that was committed. Raises PostgresError."""
        self.process = self.run()

    def stop(self) -> None:
        """Shut down with a checkpoint, so that the next start recovers nothing. Safe to repeat."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.process.send_signal(number)
            try:
                self.process.wait(TIMEOUT_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
        self.lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(
    folder: Path,
    *,
    settings: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Server:
    """Start the server with its data in `folder`, which the first start creates. Call it from the main thread.

    `settings` are PostgreSQL's own (`{"fsync": "off"}`), `variables` are added to its environment; `say` receives a
    line for each step that takes a while. A server that a killed process left over on the folder is stopped first.
    Raises PostgresError, also when another process runs the server of this folder.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(_lock(folder))
        programs = find(folder, say)
        if programs is None:
            raise PostgresError("no PostgreSQL: install local/requirements.txt, or set PG_BIN or DATABASE_URL")
        if programs.disguise == "nobody":
            folder.chmod(folder.stat().st_mode | 0o011)  # for the user nobody to pass through; its secrets are 0600
        password = read_or_make(folder / "postgres.password", lambda: secrets.token_urlsafe(32))
        if (folder / "data").exists():
            _change_owner(folder / "data", programs.owner)
        else:
            say("creating the database cluster")
            _create_cluster(folder, programs)
        port = _pick_port(folder / "postgres.port")

        def run() -> subprocess.Popen[bytes]:
            _stop_orphan(folder, password)
            process = _spawn(folder, programs, {"port": str(port), **(settings or {})}, variables or {})
            try:
                _wait_until_ready(folder, process, _url(password, port, "postgres"))
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
    initdb = programs.run(
        "initdb",
        f"--pgdata={draft}",
        "--username=postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password}",
        "--encoding=UTF8",
        "--locale=C",
    )
    if initdb.returncode != 0:
        raise PostgresError(f"the database cluster could not be created: {initdb.stderr.strip()}")
    draft.rename(folder / "data")


def _change_owner(data: Path, owner: int) -> None:
    if data.stat().st_uid != owner:
        for file in (data, *data.rglob("*")):
            os.chown(file, owner, -1, follow_symlinks=False)


def _stop_orphan(folder: Path, password: str) -> None:
    """Stop a server that outlived its runner, or remove the pid file of a server that was killed.

    The pid proves nothing: a zombie may have it, or by now another program. Only a connection with our password does.
    This process holds the lock, so no runner uses the server. PostgreSQL itself refuses to start while processes of
    the old server use the shared memory.
    """
    pid_file = folder / "data" / "postmaster.pid"
    give_up = time.monotonic() + 2
    while pid_file.exists():
        pid, port = _read_pid_file(pid_file)
        try:
            with psycopg.connect(_url(password, port, "postgres"), connect_timeout=2):
                os.kill(pid, signal.SIGINT)
        except ProcessLookupError:  # it has just ended
            pass
        except psycopg.OperationalError as error:
            starting_or_stopping = "the database system is" in str(error)
            if not starting_or_stopping and (not _alive(pid) or time.monotonic() > give_up):
                pid_file.unlink(missing_ok=True)
        time.sleep(0.02)


def _read_pid_file(pid_file: Path) -> tuple[int, int]:
    """Return the pid and the port, or zeros if the file has just been removed or is not complete."""
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


def _pick_port(file: Path) -> int:
    """Return the last port if it is still free, else any: so a psql line that the user has noted keeps working."""
    last = int(file.read_text()) if file.exists() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", last))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    file.write_text(str(port))
    return port


def _spawn(
    folder: Path, programs: Programs, settings: Mapping[str, str], variables: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    fixed = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_error_statement": "panic",  # a statement may contain a password or a message
    }
    options = [f"--{name}={value}" for name, value in {**fixed, **settings}.items()]
    command = programs.command("postgres", "-D", str(folder / "data"), *options)
    variables = {**environment(), **variables}
    with (folder / "postgres.log").open("w") as log:
        return subprocess.Popen(
            command, env=variables, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
        )


def _wait_until_ready(folder: Path, process: subprocess.Popen[bytes], url: str) -> None:
    """Wait until the server accepts connections, and create its database broker if there is none."""
    give_up = time.monotonic() + TIMEOUT_SECONDS
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
