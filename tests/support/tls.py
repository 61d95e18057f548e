"""A PostgreSQL with TLS, which the embedded one lacks, and the authority that its certificate is verified by."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import psycopg

from local.postgres import embedded
from tests.support import folders
from tests.support.endpoints import Authority

HOST = "db.example.com"  # of the certificate
HBA = "hostssl all all all scram-sha-256\n"


@dataclass(frozen=True)
class Server:
    url: str  # the superuser's, by 127.0.0.1
    authority: Path
    stranger: Path  # an authority that signed nothing of the server's


def programs() -> Path | None:
    """The folder of a PostgreSQL that was built with TLS, such as Debian's. None: there is none."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        built = subprocess.run([folder / "pg_config", "--configure"], capture_output=True, text=True, check=False)
        if "openssl" in built.stdout and (folder / "postgres").exists():
            return folder
    return None


@contextlib.contextmanager
def server(bin_folder: Path) -> Iterator[Server]:
    """Run a server whose certificate is for HOST. It refuses connections without TLS."""
    with folders.for_data("broker-tls-") as folder:
        with mock.patch.dict(os.environ, PG_BIN=str(bin_folder)):
            running = embedded.start(folder)
        with running:
            authority = Authority(_made(folder / "authority"))
            key, certificate = authority.issue(HOST)
            data = folder / "data"
            for name, content in {"server.key": key, "server.crt": certificate, "pg_hba.conf": HBA.encode()}.items():
                (data / name).write_bytes(content)
                (data / name).chmod(0o600)
                os.chown(data / name, data.stat().st_uid, -1)
            with psycopg.connect(running.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET ssl = on")
                connection.execute("SELECT pg_reload_conf()")
            stranger = Authority(_made(folder / "stranger"))
            yield Server(running.url, authority.certificates, stranger.certificates)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
