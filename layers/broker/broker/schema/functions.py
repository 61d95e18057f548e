"""The functions of the schema: each is created again from its file at every migration."""

from importlib.resources import files
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import sql
from psycopg.errors import DependentObjectsStillExist, InvalidFunctionDefinition
from psycopg.rows import class_row

FUNCTIONS = files("broker") / "sql" / "functions"


class FunctionInUse(Exception):
    """A function that has changed is in use, by something in the database that is not the broker's, such as a view."""


class _Source(NamedTuple):
    name: str
    text: str


class _Routine(msgspec.Struct, frozen=True):
    """A routine as it was written last: `written` changes with each CREATE OR REPLACE."""

    oid: int
    name: str
    signature: str
    written: str


class _Right(msgspec.Struct, frozen=True):
    """That a role may execute a routine, and whether it may pass this on."""

    oid: int
    name: str
    role: str
    grantable: bool


def replace(connection: psycopg.Connection[Any]) -> None:
    """Create or replace every function; drop those without a file, and those with an earlier signature.

    Replacing a function keeps it callable for sessions that are in the middle of a call. One whose result changed is
    dropped and created. Rights on a function that is dropped are given again on the function that has its name. Raises
    FunctionInUse.
    """
    before, rights = _routines(connection), _rights(connection)
    for source in _sources():
        try:
            with connection.transaction():
                connection.execute(source.text.encode())
        except InvalidFunctionDefinition:
            for routine in before:
                if routine.name == source.name:
                    _drop(connection, routine)
            connection.execute(source.text.encode())
    for outdated in set(before) & set(_routines(connection)):  # what no file has written
        _drop(connection, outdated)
    connection.execute("REVOKE ALL ON ALL ROUTINES IN SCHEMA broker FROM PUBLIC")
    now = {routine.name: routine for routine in _routines(connection)}
    for right in rights:
        successor = now.get(right.name)
        if successor is not None and successor.oid != right.oid:
            _grant(connection, successor, right)


def _sources() -> list[_Source]:
    return [
        _Source(file.name.removesuffix(".sql"), file.read_text())
        for folder in FUNCTIONS.iterdir()
        for file in folder.iterdir()
    ]


def _routines(connection: psycopg.Connection[Any]) -> list[_Routine]:
    with connection.cursor(row_factory=class_row(_Routine)) as cursor:
        return cursor.execute(
            "SELECT oid::bigint, proname AS name, oid::regprocedure::text AS signature, ctid::text AS written"
            "  FROM pg_proc WHERE pronamespace = 'broker'::regnamespace ORDER BY oid"
        ).fetchall()


def _rights(connection: psycopg.Connection[Any]) -> list[_Right]:
    with connection.cursor(row_factory=class_row(_Right)) as cursor:
        return cursor.execute(
            "SELECT p.oid::bigint, p.proname AS name, r.rolname AS role, acl.is_grantable AS grantable"
            "  FROM pg_proc p, aclexplode(p.proacl) acl JOIN pg_roles r ON r.oid = acl.grantee"
            " WHERE p.pronamespace = 'broker'::regnamespace AND acl.grantee <> p.proowner ORDER BY p.oid, r.rolname"
        ).fetchall()


def _drop(connection: psycopg.Connection[Any], routine: _Routine) -> None:
    try:
        connection.execute(f"DROP ROUTINE {routine.signature}".encode())
    except DependentObjectsStillExist as error:
        users = (error.diag.message_detail or "").replace("\n", "; ")
        raise FunctionInUse(
            f"the earlier broker.{routine.name} cannot be dropped, because it is in use ({users}): drop what uses it,"
            " migrate again, and create that anew"
        ) from error


def _grant(connection: psycopg.Connection[Any], routine: _Routine, right: _Right) -> None:
    option = " WITH GRANT OPTION" if right.grantable else ""
    grant = sql.SQL("GRANT EXECUTE ON ROUTINE {} TO {}{}").format(
        sql.SQL(routine.signature), sql.Identifier(right.role), sql.SQL(option)
    )
    connection.execute(grant)
