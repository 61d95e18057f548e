"""One connection to PostgreSQL, kept open, in autocommit: a call is one statement, one round trip, one commit."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
import psycopg

from broker import connection_mistakes, deadlines, settings
from broker.aws import secrets
from broker.connection import CannotConnect, open_session
from broker.errors import (
    BrokerError,
    Busy,
    Conflict,
    DatabaseUnavailable,
    Fault,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
)
from broker.session import Session

Row = TypeVar("Row")

IDLE_SECONDS = 55  # the server ends a session after 60: idle environments must not keep a database awake
OPTIONS = (
    f"-c TimeZone=UTC -c statement_timeout={deadlines.STATEMENT_SECONDS}s"
    " -c idle_in_transaction_session_timeout=10s -c idle_session_timeout=60s"
    " -c default_transaction_isolation=read\\ committed"  # verbs refuse any other
)

# The SQLSTATEs that verbs raise, and those that PostgreSQL raises for a document or a setting that is not valid.
REFUSALS: Mapping[str, type[BrokerError]] = {
    "MB400": InvalidInput,
    "MB404": NotFound,
    "MB409": Conflict,
    "MB422": IdempotencyKeyReused,
    "MB423": Busy,
    "22009": InvalidInput,  # invalid_time_zone_displacement_value: an offset over 15:59
    "22P02": InvalidInput,  # invalid_text_representation: json that msgspec accepts
    "22P05": InvalidInput,  # untranslatable_character
}
READ_ONLY = "25006"  # read_only_sql_transaction: after a failover, the old primary comes back as a replica
# Connection failures, lack of resources, operator intervention, what a lock or statement time-out ends, and a DETACH
# while another one is pending. Repeating the request later can succeed.
UNAVAILABLE = ("08", "53", "57", "58", "55000", "55P03", "40001", "40P01", "25P0", READ_ONLY)


class Database:
    """A connection that opens at the first call, and opens again after it was lost or idle for long."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._session: Session | None = None
        self._used_at = 0.0

    def call(self, statement: str, values: Mapping[str, object], row: Callable[..., Row]) -> list[Row]:
        """Run one statement and return its rows, each made by `row` from its columns by name.

        Raises InvalidInput, NotFound, Conflict or IdempotencyKeyReused when the verb refuses; DatabaseUnavailable when
        the database does not answer: it is then unknown whether the statement took effect.
        """
        names, rows = self._fetch(statement, values)
        return [row(**dict(zip(names, each, strict=True))) for each in rows]

    def value(self, statement: str, values: Mapping[str, object] | None = None) -> Any:
        """Run one statement whose result is one row with one column, and return that. Raises what `call` raises.

        That is what a verb returns that has no columns, such as a boolean; a verb that returns nothing gives "". Name
        the type where the value is kept: `changed: bool = database.value(…)`.
        """
        _, [[value]] = self._fetch(statement, values or {})
        return value

    def run(self, statement: str) -> None:
        """Run one statement outside of a transaction, such as `ALTER TABLE`. Raises DatabaseUnavailable."""
        with self._translate_errors():
            self._connected().connection.execute(statement.encode())
            self._used_at = time.time()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a transaction for the statements of a migration."""
        with self._translate_errors():
            connection = self._connected().connection
            with connection.transaction():
                yield connection
            self._used_at = time.time()

    @contextlib.contextmanager
    def session(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a session in autocommit, for what a transaction cannot do; its settings and locks end with it."""
        self.close()
        try:
            with self._translate_errors():
                yield self._connected().connection
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._session is not None:
            self._session.connection.close()
            self._session = None

    def _fetch(self, statement: str, values: Mapping[str, object]) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:  # not _translate_errors, which costs a quarter as much as the rest
            fetched = self._connected().fetch(statement, values)
        except psycopg.Error as error:
            self._fail(error)
        self._used_at = time.time()
        return fetched

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self._fail(error)

    def _fail(self, error: psycopg.Error) -> NoReturn:
        if error.sqlstate == READ_ONLY:
            self.close()  # the next call may find the primary
        _raise_translated(error)

    def _connected(self) -> Session:
        session = self._session
        # wall-clock time: a frozen environment's monotonic clock may have stood still
        if session is None or abs(time.time() - self._used_at) > IDLE_SECONDS or session.has_ended:
            self.close()
            session = self._session = self._open()
            self._used_at = time.time()
        return session

    def _open(self) -> Session:
        """Connect with the URL of the setting. When its login is refused and is a secret, that is read once more."""
        setting = self._url()
        if not setting:
            raise settings.SettingMissing("DATABASE_URL is not set")
        try:
            url = secrets.database_url(setting)
            try:
                return _connect(url)
            except CannotConnect as error:
                if not error.login_refused:
                    raise
                secrets.forget(setting)
                if (rotated := secrets.database_url(setting)) == url:
                    raise
                return _connect(rotated)
        except (secrets.SecretUnusable, CannotConnect) as error:
            unavailable = DatabaseUnavailable(reason=str(error), retry_seconds=error.retry_seconds)
            unavailable.refused_by_iam = error.refused_by_iam
            raise unavailable from error


def _connect(url: str) -> Session:
    proxy = settings.current().database_proxy  # it may give each statement to another session
    return Session(open_session(url, options=None if proxy else OPTIONS), prepares=not proxy)


def _raise_translated(error: psycopg.Error) -> NoReturn:
    """Turn psycopg's error into the broker's. Others propagate: they are faults of ours."""
    code = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError) else "")
    if refusal := REFUSALS.get(code):
        detail = error.diag.message_primary
        hint = error.diag.message_hint
        faults = msgspec.json.decode(error.diag.message_detail or "[]", type=list[Fault]) if code == "MB400" else []
        raise refusal(f"{detail}; {hint}" if hint else detail, faults=faults) from None
    if code.startswith(UNAVAILABLE):
        unavailable = DatabaseUnavailable(reason=connection_mistakes.describe_replica() if code == READ_ONLY else None)
        # neither was it sent in vain for a connection, nor did the server end it
        unavailable.outcome_unknown = error.pgconn is None and code.startswith(("08", "57P"))
        raise unavailable from error
    raise error


def ping() -> None:
    """Raise DatabaseUnavailable unless the database answers."""
    value("SELECT 1")


functions = Database(lambda: settings.current().database_url)
owner = Database(lambda: settings.current().owner_database_url)
call = functions.call
value = functions.value
