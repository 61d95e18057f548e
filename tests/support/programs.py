"""Programs that call the verbs of `pgbroker.sql` in their own transaction, with each kind of connection."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import psycopg
import psycopg2
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pgbroker import sql
from pgbroker.sql import aio
from tests.support import django


class Program:
    """A program with a connection, in a transaction that begins with its first statement."""

    def __init__(self, url: str) -> None:
        self.stack = ExitStack()
        self.connection: Any = self.connect(url)

    def connect(self, url: str) -> Any:
        raise NotImplementedError

    def call(self, verb: str, *args: Any, **options: Any) -> Any:
        return getattr(sql, verb)(self.connection, *args, **options)

    def execute(self, statement: str) -> None:
        self.connection.execute(statement)

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        """End the connection, as a crash does."""
        self.stack.close()

    def __getattr__(self, verb: str) -> Any:
        return lambda *args, **options: self.call(verb, *args, **options)


class Psycopg(Program):
    def connect(self, url):
        connection = psycopg.connect(url)
        self.stack.callback(connection.close)
        return connection


class PsycopgCursor(Psycopg):
    """A cursor of its own kind, of which only the connection is used."""

    def connect(self, url):
        return super().connect(url).cursor(row_factory=dict_row, binary=True)

    def commit(self):
        self.connection.connection.commit()

    def rollback(self):
        self.connection.connection.rollback()


class SQLAlchemy(Program):
    def connect(self, url):
        engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
        self.stack.callback(engine.dispose)
        opened = self.open(engine)
        self.stack.callback(opened.close)
        return opened

    def open(self, engine):
        return engine.connect()

    def execute(self, statement):
        self.connection.execute(sqlalchemy.text(statement))


class SQLAlchemyPsycopg2(SQLAlchemy):
    def connect(self, url):
        engine = sqlalchemy.create_engine("postgresql+psycopg2://", creator=lambda: psycopg2.connect(url))
        self.stack.callback(engine.dispose)
        return self.stack.enter_context(engine.connect())


class SQLAlchemySession(SQLAlchemy):
    def open(self, engine):
        return Session(engine)


class SQLAlchemyScopedSession(SQLAlchemy):
    def open(self, engine):
        return scoped_session(sessionmaker(engine))


class Django(Program):
    def connect(self, url):
        given = conninfo_to_dict(url)
        names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        connection = django.database("program", **{name: given[key] for key, name in names.items() if key in given})
        self.stack.callback(connection.close)
        connection.set_autocommit(False)
        return connection

    def execute(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


class AsyncProgram(Program):
    """A program whose connection is async; the test calls it as any other."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        super().__init__(url)
        self.stack.callback(self.runner.close)
        self.stack.callback(lambda: self.run(self.open.aclose()))

    def run(self, awaitable: Any) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self.runner.run(wait())

    def connect(self, url):
        return self.run(self.connect_async(url))

    async def connect_async(self, url: str) -> Any:
        raise NotImplementedError

    def call(self, verb, *args, **options):
        return self.run(getattr(aio, verb)(self.connection, *args, **options))

    def execute(self, statement):
        self.run(self.connection.execute(statement))

    def commit(self):
        self.run(self.connection.commit())

    def rollback(self):
        self.run(self.connection.rollback())


class AsyncPsycopg(AsyncProgram):
    async def connect_async(self, url):
        connection = await psycopg.AsyncConnection.connect(url)
        self.open.push_async_callback(connection.close)
        return connection


class AsyncPsycopgCursor(AsyncPsycopg):
    async def connect_async(self, url):
        return (await super().connect_async(url)).cursor(row_factory=dict_row, binary=True)

    def commit(self):
        self.run(self.connection.connection.commit())

    def rollback(self):
        self.run(self.connection.connection.rollback())


class AsyncSQLAlchemy(AsyncProgram):
    async def connect_async(self, url):
        engine = create_async_engine(
            "postgresql+psycopg://", async_creator=lambda: psycopg.AsyncConnection.connect(url)
        )
        self.open.push_async_callback(engine.dispose)
        return await self.open.enter_async_context(self.enter(engine))

    def enter(self, engine):
        return engine.connect()

    def execute(self, statement):
        self.run(self.connection.execute(sqlalchemy.text(statement)))


class AsyncSQLAlchemyAsyncpg(AsyncSQLAlchemy):
    async def connect_async(self, url):
        given = conninfo_to_dict(url)
        names = {"dbname": "database", "user": "username", "password": "password", "host": "host", "port": "port"}
        parts = {name: given[key] for key, name in names.items()}
        engine = create_async_engine(sqlalchemy.URL.create("postgresql+asyncpg", **parts))
        self.open.push_async_callback(engine.dispose)
        return await self.open.enter_async_context(engine.connect())


class AsyncSQLAlchemySession(AsyncSQLAlchemy):
    def enter(self, engine):
        return AsyncSession(engine)


PROGRAMS = [
    Psycopg,
    PsycopgCursor,
    SQLAlchemy,
    SQLAlchemyPsycopg2,
    SQLAlchemySession,
    SQLAlchemyScopedSession,
    Django,
    AsyncPsycopg,
    AsyncPsycopgCursor,
    AsyncSQLAlchemy,
    AsyncSQLAlchemyAsyncpg,
    AsyncSQLAlchemySession,
]
