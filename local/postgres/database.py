"""The database that the broker runs on: the user's own, or the embedded PostgreSQL."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from local.postgres import embedded
from local.secret_file import kept
from local.settings import Settings
from local.terminal import CannotRun, pasted, say


@dataclass(frozen=True)
class Database:
    url: str  # the functions' login
    owner_url: str
    psql: str | None = None  # a line that opens it; who brings a database knows how
    server: embedded.Server | None = None  # ours to keep running


@contextlib.contextmanager
def database(settings: Settings) -> Iterator[Database]:
    if settings.database_url is not None:
        yield _brought(settings.database_url, settings.owner_database_url or settings.database_url)
        return
    if settings.owner_database_url is not None:
        raise CannotRun("OWNER_DATABASE_URL is set, but not DATABASE_URL")
    password = kept(settings.data / "functions.password", lambda: secrets.token_urlsafe(32))
    with embedded.start(settings.data, say=say) as server:
        secret, psql = pasted(settings.data / "postgres.password"), pasted(server.programs / "psql")
        yield Database(
            url=f"postgresql://broker_functions:{password}@127.0.0.1:{server.port}/broker",
            owner_url=server.url,
            psql=f"PGPASSWORD=$(cat {secret}) {psql} -h 127.0.0.1 -p {server.port} -U postgres broker",
            server=server,
        )


def _brought(url: str, owner_url: str) -> Database:
    try:
        with psycopg.connect(owner_url, connect_timeout=60) as connection:
            server = connection.info
            say(f"database {server.dbname} on {server.host}, PostgreSQL {server.parameter_status('server_version')}")
    except psycopg.ProgrammingError:
        # its message would quote the URL, and with it the password
        raise CannotRun("the database's URL is not one that PostgreSQL understands") from None
    except psycopg.OperationalError as error:
        raise CannotRun(f"the database does not answer: {error}") from error
    return Database(url, owner_url)
