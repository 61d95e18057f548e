"""A program's login, which may publish and consume, and nothing else; and the programs that use it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from broker.schema import roles
from tests.conftest import PASSWORD
from tests.support.programs import PROGRAMS, Program


@pytest.fixture(scope="session")
def program_url(database_url: str) -> Iterator[str]:
    """The url of a login with the roles of a producer and a consumer, which may use the table `program_work` too."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = f"{connection.info.dbname}_program"
        login = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(login, sql.Literal(PASSWORD)))
        for kind in ("producer", "consumer"):
            role = sql.Identifier(roles.name(kind, connection))
            connection.execute(sql.SQL("GRANT {} TO {}").format(role, login))
        connection.execute("CREATE TABLE public.program_work (work text)")
        connection.execute(sql.SQL("GRANT SELECT, INSERT ON public.program_work TO {}").format(login))
        yield make_conninfo(database_url, user=name, password=PASSWORD)
        connection.execute("DROP TABLE public.program_work")
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(login))


@pytest.fixture
def done(owner, program_url):
    """What programs have written to the table `program_work`, and committed: call it for the rows."""
    yield lambda: [work for (work,) in owner.execute("SELECT work FROM public.program_work")]
    owner.execute("DELETE FROM public.program_work")


@pytest.fixture(params=PROGRAMS, ids=lambda kind: kind.__name__)
def program(request, program_url) -> Iterator[Program]:
    """A program, with each kind of connection."""
    program = request.param(program_url)
    yield program
    program.close()


@pytest.fixture
def connection(program_url) -> Iterator[psycopg.Connection]:
    """A connection of psycopg in a transaction, for what does not depend on the kind."""
    with psycopg.connect(program_url) as connection:
        yield connection
        connection.rollback()
