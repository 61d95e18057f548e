"""One connection to PostgreSQL, kept open, in autocommit: a call is one statement, one round trip, one commit."""

import contextlib
import math
import select
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
import psycopg
from psycopg.abc import RV, Buffer, PQGen
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus
from psycopg.rows import RowFactory, dict_row, kwargs_row, scalar_row

from broker import deadlines, settings
from broker.errors import (
    BrokerError,
    Conflict,
    DatabaseUnavailable,
    Fault,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
)

Row = TypeVar("Row")

IDLE_SECONDS = 55  # the server ends a session after 60: idle environments must not keep a database awake
OPTIONS = (
    f"-c TimeZone=UTC -c statement_timeout={deadlines.STATEMENT_SECONDS}s"
    " -c idle_in_transaction_session_timeout=10s -c idle_session_timeout=60s"
)

# The SQLSTATEs that verbs raise, and those that PostgreSQL raises for a document or a setting that is not valid.
REFUSALS: Mapping[str, type[BrokerError]] = {
    "BR400": InvalidInput,
    "BR404": NotFound,
    "BR409": Conflict,
    "BR422": IdempotencyKeyReused,
    "22009": InvalidInput,  # invalid_time_zone_displacement_value: an offset over 15:59
    "22P02": InvalidInput,  # invalid_text_representation: json that msgspec accepts
    "22P05": InvalidInput,  # untranslatable_character
}
# Connection failures, lack of resources, operator intervention, and what a lock or statement time-out ends. Repeating
# the request later can succeed.
UNAVAILABLE = ("08", "53", "57", "58", "55P03", "40001", "40P01", "25P0")


class RawLoader(Loader):
    """Leave json as the bytes that it is."""

    def load(self, data: Buffer) -> msgspec.Raw:
        return msgspec.Raw(bytes(data))


class Session(psycopg.Connection[Any]):
    """A connection that waits for the server no longer than the request may: a broken network is silent for hours.

    Then it is closed, because the answer may still come.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        left = deadlines.left()
        try:
            return super().wait(gen, interval, timeout if math.isinf(left) else max(1.0, left))
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


class Database:
    """A connection that opens at the first call, and opens again after it was lost or idle for long."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._connection: Session | None = None
        self._used_at = 0.0

    def call(self, statement: str, values: Mapping[str, object], row: Callable[..., Row]) -> list[Row]:
        """Run one statement and return its rows, each made by `row` from its columns by name.

        Raises InvalidInput, NotFound, Conflict or IdempotencyKeyReused when the verb refuses; DatabaseUnavailable when
        the database does not answer: it is then unknown whether the statement took effect.
        """
        factory: Any = dict_row if row is dict else kwargs_row(row)  # kwargs_row would make two
        return self._fetch(statement, values, factory)

    def value(self, statement: str, values: Mapping[str, object] | None = None) -> Any:
        """Run one statement whose result is one row with one column, and return that. Raises what `call` raises.

        That is what a verb returns that has no columns, such as a boolean; a verb that returns nothing gives "". Name
        the type where the value is kept: `changed: bool = database.value(…)`.
        """
        [value] = self._fetch(statement, values or {}, scalar_row)
        return value

    def run(self, statement: str) -> None:
        """Run one statement outside of a transaction, such as `ALTER TABLE`. Raises DatabaseUnavailable."""
        with _translate_errors():
            self._connected().execute(statement.encode())
            self._used_at = time.time()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a transaction for the statements of a migration."""
        with _translate_errors():
            connection = self._connected()
            with connection.transaction():
                yield connection

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fetch(self, statement: str, values: Mapping[str, object], factory: RowFactory[Row]) -> list[Row]:
        try:  # not _translate_errors, which costs as much as the rest of this method
            rows = self._connected().cursor(row_factory=factory).execute(statement.encode(), values).fetchall()
        except psycopg.Error as error:
            _raise_translated(error)
        self._used_at = time.time()
        return rows

    def _connected(self) -> Session:
        connection = self._connection
        # wall-clock time: a frozen environment's monotonic clock may have stood still
        if connection is None or abs(time.time() - self._used_at) > IDLE_SECONDS or _has_ended(connection):
            self.close()
            connection = self._connection = _connect(self._url())
        return connection


def _connect(url: str) -> Session:
    if not url:
        raise settings.SettingMissing("DATABASE_URL is not set")
    proxy = settings.current().database_proxy
    wait = int(max(1, min(deadlines.CONNECT_SECONDS, deadlines.left())))  # a sleeping database answers once it is awake
    connection = Session.connect(
        url,
        autocommit=True,
        connect_timeout=wait,
        application_name="pgbroker",
        prepare_threshold=None if proxy else 2,
        options=None if proxy else OPTIONS,
    )
    connection.adapters.register_loader("json", RawLoader)
    return connection


def _has_ended(connection: Session) -> bool:
    """Whether the server has ended the session: then there is something to read, an error or the end."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        _raise_translated(error)


def _raise_translated(error: psycopg.Error) -> NoReturn:
    """Turn psycopg's error into the broker's. Others propagate: they are faults of ours."""
    code = error.sqlstate or ("08" if isinstance(error, psycopg.OperationalError) else "")
    if refusal := REFUSALS.get(code):
        detail = error.diag.message_primary
        hint = error.diag.message_hint
        faults = msgspec.json.decode(error.diag.message_detail or "[]", type=list[Fault]) if code == "BR400" else []
        raise refusal(f"{detail}; {hint}" if hint else detail, faults=faults) from None
    if code.startswith(UNAVAILABLE):
        raise DatabaseUnavailable from error
    raise error


def ping() -> None:
    """Raise DatabaseUnavailable unless the database answers."""
    value("SELECT 1")


functions = Database(lambda: settings.current().database_url)
owner = Database(lambda: settings.current().owner_database_url)
call = functions.call
value = functions.value
