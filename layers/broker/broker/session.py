"""One session of PostgreSQL, which sends a statement and reads its rows through libpq, without psycopg's cursor.

It does what a cursor of psycopg does for one statement in autocommit, in half the CPU time; that is a quarter of what a
publish costs its process (docs/explanation/decisions.md, "A call goes through libpq").
"""

import math
import re
import select
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import psycopg
from psycopg.abc import RV, Buffer, PQGen
from psycopg.adapt import Loader, PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, UndefinedFunction, error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from broker import deadlines

# What a statement that is prepared raises after Migrate has changed its function.
OUTDATED = (FeatureNotSupported, InvalidSqlStatementName, UndefinedFunction)

_PARAMETER = re.compile(r"%\((\w+)\)s")


class RawLoader(Loader):
    """Leave json as the bytes that it is."""

    def load(self, data: Buffer) -> msgspec.Raw:
        return msgspec.Raw(bytes(data))


class _Statement(msgspec.Struct, frozen=True):
    """A statement as libpq takes it, with $1 for its first parameter, and the names of its parameters in this order."""

    text: bytes
    parameters: Sequence[str]
    formats: Sequence[PyFormat]


@cache
def _parse(statement: str) -> _Statement:
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    text = _PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", statement)
    return _Statement(text.encode(), names, [PyFormat.TEXT] * len(names))


@cache
def _column(name: bytes | None) -> str:
    return (name or b"").decode()


def _patience() -> float | None:
    """How many seconds to wait for the server: a second at least; None without a deadline."""
    left = deadlines.left()
    return None if math.isinf(left) else max(1.0, left)


class Connection(psycopg.Connection[Any]):
    """A connection that waits for the server no longer than the request may: a broken network is silent for hours.

    Then it is closed, because the answer may still come.
    """

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        left = _patience()
        try:
            return super().wait(gen, interval, timeout if left is None else left)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise


class Session:
    """A session: `fetch` for the rows of one statement, which commits by itself, and `connection` for all else.

    Neither waits longer than the request may. With `prepares`, a statement is prepared when it is repeated.
    """

    def __init__(self, connection: Connection, *, prepares: bool) -> None:
        self.connection = connection
        self._prepares = prepares
        self._pgconn = connection.pgconn
        connection.adapters.register_loader("json", RawLoader)
        self._transformer = Transformer(connection)
        self._prepared: dict[str, bytes | None] = {}  # the name of each statement; None after its first call
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(connection.fileno(), select.POLLIN)
        self._writable.register(connection.fileno(), select.POLLIN | select.POLLOUT)

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended the session: then there is something to read, an error or the end."""
        return self.connection.closed or bool(self._readable.poll(0))

    def fetch(self, statement: str, values: Mapping[str, object]) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one statement with parameters such as `%(name)s`; return the names of its columns, and its rows.

        The types of the parameters follow from the statement. Raises psycopg.Error.
        """
        parsed = _parse(statement)
        parameters = self._transformer.dump_sequence([values[name] for name in parsed.parameters], parsed.formats)
        try:
            if name := self._prepare(statement, parsed.text):
                self._pgconn.send_query_prepared(name, parameters)
            else:
                self._pgconn.send_query_params(parsed.text, parameters)
            result = self._receive(ExecStatus.TUPLES_OK)
        except BaseException as error:
            if self._pgconn.transaction_status == TransactionStatus.ACTIVE or isinstance(error, OUTDATED):
                self.connection.close()  # the answer may still come, or what is prepared is of use no more
            raise
        self._transformer.set_pgresult(result)
        rows = self._transformer.load_rows(0, result.ntuples, tuple)
        self._transformer.set_pgresult(None)  # so that a large result does not stay in memory
        return [_column(result.fname(nth)) for nth in range(result.nfields)], rows

    def _prepare(self, statement: str, text: bytes) -> bytes | None:
        """Return the name of a prepared statement; None at its first call: a process of one request prepares none."""
        if not self._prepares or statement not in self._prepared:
            self._prepared[statement] = None
            return None
        name = self._prepared[statement]
        if name is None:
            name = b"statement_%d" % sum(map(bool, self._prepared.values()))
            self._pgconn.send_prepare(name, text)
            self._receive(ExecStatus.COMMAND_OK)
            self._prepared[statement] = name
        return name

    def _receive(self, expected: ExecStatus) -> PGresult:
        """Wait for the result of what was sent. Raises the error that it is instead of what is expected."""
        pgconn = self._pgconn
        while pgconn.flush():
            self._wait(self._writable)
            pgconn.consume_input()
        result = None
        while True:
            while pgconn.is_busy():
                self._wait(self._readable)
                pgconn.consume_input()
            following = pgconn.get_result()
            if following is None:
                break
            result = following
        if result is None or result.status != expected:
            raise psycopg.OperationalError("no result") if result is None else error_from_result(result)
        return result

    def _wait(self, socket: select.poll) -> None:
        left = _patience()
        if not socket.poll(None if left is None else 1000 * left):
            raise psycopg.OperationalError("the server did not answer in time")
