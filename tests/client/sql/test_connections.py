"""How the kind of a connection is found, and what is loaded for it."""

import asyncio
import inspect
import subprocess
import sys
from types import FunctionType

import pytest
import sqlalchemy
from django.db import connections
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from pgbroker import sql
from pgbroker.sql import aio
from tests.support.client import ROOT
from tests.support.programs import AsyncProgram, Django, Psycopg

LIBRARIES = {"psycopg", "sqlalchemy", "django", "httpx2"}


def verbs(module):
    return {
        name: verb for name, verb in vars(module).items() if isinstance(verb, FunctionType) and name in module.__all__
    }


def loaded(code):
    """The libraries that this code loads."""
    code += f"; import sys; print(*({LIBRARIES} & sys.modules.keys()))"
    process = [sys.executable, "-c", code]
    return set(subprocess.check_output(process, text=True, env={"PYTHONPATH": str(ROOT / "client")}).split())


def test_importing_it_loads_no_library():
    assert loaded("import pgbroker.sql.aio") == set()


def test_a_connection_loads_its_own_library_only(program_url):
    code = f"import psycopg; from pgbroker import sql; c = psycopg.connect({program_url!r})"
    assert loaded(f"{code}; sql.publish(c, 'orders', 1); c.close()") == {"psycopg"}


def test_the_async_verbs_are_the_same():
    assert verbs(aio).keys() == verbs(sql).keys() != set()
    for name, verb in verbs(sql).items():
        twin = verbs(aio)[name]
        assert inspect.iscoroutinefunction(twin)
        assert str(inspect.signature(twin)).replace("AsyncConnection", "Connection") == str(inspect.signature(verb))
        assert f"see `pgbroker.sql.{name}`" in twin.__doc__


@pytest.mark.parametrize("given", [None, "dbname=shop", object()])
def test_what_is_not_a_connection_is_refused(given):
    with pytest.raises(TypeError, match="is not a connection of psycopg, SQLAlchemy or Django"):
        sql.publish(given, "orders", 1)


def test_an_async_connection_has_a_module_of_its_own(program):
    """The error of the wrong one names the right one."""
    if isinstance(program, AsyncProgram):
        with pytest.raises(TypeError, match=r"use pgbroker\.sql\.aio$"):
            sql.publish(program.connection, "orders", 1)
    else:
        with pytest.raises(TypeError, match=r"use pgbroker\.sql$"):
            asyncio.run(aio.publish(program.connection, "orders", 1))


def test_a_class_of_the_caller_is_known_by_its_base(program_url):
    class ShopSession(Session):
        pass

    program = Psycopg(program_url)
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: program.connection)
    with ShopSession(engine) as session:
        assert len(sql.publish(session, "orders", 1)) == 36
    program.close()


def test_the_connection_of_django_may_be_the_proxy_or_what_is_behind_it(program_url):
    program = Django(program_url)
    for connection in (program.connection, connections["program"]):
        assert len(sql.publish(connection, "orders", 1)) == 36
    program.close()


def test_a_verb_flushes_nothing_of_a_session(program_url):
    class Base(DeclarativeBase):
        pass

    class Unknown(Base):
        __tablename__ = "there_is_no_such_table"
        id: Mapped[int] = mapped_column(primary_key=True)

    program = Psycopg(program_url)
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: program.connection)
    with Session(engine) as session:
        session.add(Unknown(id=1))
        assert len(sql.publish(session, "orders", 1)) == 36
    program.close()
