"""The kinds of connections: each library has a door, a module that runs a statement and fetches its one value.

A door is found by the connection's class, and imported then, so that no library is imported which is not in use.
"""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from pgbroker.sql.refusals import problem
from pgbroker.sql.statements import Result, Statement

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy
    from django.db.backends.base.base import BaseDatabaseWrapper  # pyright: ignore[reportMissingTypeStubs]
    from django.utils.connection import ConnectionProxy  # pyright: ignore[reportMissingTypeStubs]
    from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
    from sqlalchemy.orm import Session, scoped_session

    Connection: TypeAlias = (
        psycopg.Connection[Any]
        | psycopg.Cursor[Any]
        | sqlalchemy.Connection
        | Session
        | scoped_session[Any]
        | BaseDatabaseWrapper
        | ConnectionProxy
    )
    AsyncConnection: TypeAlias = (
        psycopg.AsyncConnection[Any]
        | psycopg.AsyncCursor[Any]
        | sqlalchemy_asyncio.AsyncConnection
        | sqlalchemy_asyncio.AsyncSession
        | sqlalchemy_asyncio.async_scoped_session[Any]
    )

DOORS = {library: f"pgbroker.sql.doors.{library}" for library in ("psycopg", "sqlalchemy", "django")}


def run(connection: "Connection", statement: Statement[Result]) -> Result:
    """Run a statement in the connection's transaction, which stays open.

    Raises Problem when the verb refuses, TypeError for what is not a connection, and else the driver's error.
    """
    door = _door(connection, asynchronous=False)
    with _refusals():
        value = door.fetch(connection, statement.text, statement.values)
    return statement.read(value.encode())


async def run_async(connection: "AsyncConnection", statement: Statement[Result]) -> Result:
    """Run a statement on an async connection, as `run` does."""
    door = _door(connection, asynchronous=True)
    with _refusals():
        value = await door.fetch_async(connection, statement.text, statement.values)
    return statement.read(value.encode())


def _door(connection: object, *, asynchronous: bool) -> Any:
    kinds = type(connection).__mro__
    name = f"{kinds[0].__module__}.{kinds[0].__qualname__}"
    module = next(filter(None, (DOORS.get(kind.__module__.partition(".")[0]) for kind in kinds)), None)
    if module is None:
        raise TypeError(f"{name} is not a connection of psycopg, SQLAlchemy or Django")
    if asynchronous != any(kind.__name__.lower().startswith("async") for kind in kinds):
        right = "pgbroker.sql" if asynchronous else "pgbroker.sql.aio"
        raise TypeError(f"for {name} use {right}")
    return importlib.import_module(module)


@contextmanager
def _refusals() -> Generator[None]:
    try:
        yield
    except Exception as error:
        if refusal := problem(error):
            raise refusal from error
        raise
