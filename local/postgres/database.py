"""The database of the broker: one that the user already has, or the embedded PostgreSQL."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from local.postgres import embedded
from local.secret_file import read_or_make
from local.settings import Settings
from local.terminal import CannotRun, say, shell_path


@dataclass(frozen=True)
class Database:
    url: str  # for the functions' login
    owner_url: str  # for the owner of the schema
    psql: str | None = None  # a shell line that opens it; None for the user's own database
    server: embedded.Server | None = None  # the embedded PostgreSQL, which the runner has to restart when it dies


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """Provide the database until the end of the block. Raises CannotRun and PostgresError."""
    if settings.database_url is not None:
        yield Database(settings.database_url, settings.owner_database_url or settings.database_url)
        return
    if settings.owner_database_url is not None:
        raise CannotRun("OWNER_DATABASE_URL is set, but not DATABASE_URL")
    password = read_or_make(settings.data / "functions.password", lambda: secrets.token_urlsafe(32))
    with embedded.start(settings.data, say=say) as server:
        secret, psql = shell_path(settings.data / "postgres.password"), shell_path(server.programs / "psql")
        yield Database(
            url=f"postgresql://broker_functions:{password}@127.0.0.1:{server.port}/broker",
            owner_url=server.url,
            psql=f"PGPASSWORD=$(cat {secret}) {psql} -h 127.0.0.1 -p {server.port} -U postgres broker",
            server=server,
        )
